#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include <CLI/App.hpp>

#include "common/error.hpp"
#include "producer/cli/burst.hpp"
#include "producer/cli/verbs/verb.hpp"

namespace sublet::cli {

/// The options that `run` and `submit` share.
struct BurstArguments {
  std::string pipeline;
  std::vector<std::string> in;
  std::string out;
  std::vector<std::string> settings;
  std::size_t limit = 0;
  std::uint32_t retries = RetryPolicy{}.max_retries;
  std::string policy = "all";
  std::string aggregate = "collect";
  std::string element = "f64";
  std::string isolation = "tenant";
  std::string tenant = "default";
  std::string durability = "none";
  std::string by_reference;
};

void add_burst_options(CLI::App& verb, BurstArguments& arguments);

/// Reads and checks everything that can be wrong before a broker is asked.
/// @param fetch  outputs are to be written, so `--out` must fit
Result<BurstPlan> make_plan(const Environment& environment, const BurstArguments& arguments, bool fetch);

}  // namespace sublet::cli
