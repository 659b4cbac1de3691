#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "tests/chaos/judge.hpp"
#include "tests/chaos/plan.hpp"

namespace sublet::chaos {

struct RoundOptions {
  std::uint64_t seed = 0;
  PlanSize size;
  std::string log = "off";  ///< level of the programs
};

struct RoundResult {
  std::vector<Fault> plan;
  std::vector<std::string> shortfalls;  ///< of each fault: why it was not done; empty when it was
  std::vector<Verdict> verdicts;        ///< [0]: before the first, [n]: since fault n - 1
  std::vector<std::string> complaints;  ///< none: everything is as promised
  std::uint64_t received = 0;
  std::uint64_t again = 0;  ///< outputs that a producer received which one before it had received and not taken
  Nanos lasted{0};
};

/// One burst under one plan, over processes of its own.
/// @param tell  gets a line for whatever happens
RoundResult run_round(const RoundOptions& options, const std::function<void(const std::string&)>& tell);

}  // namespace sublet::chaos
