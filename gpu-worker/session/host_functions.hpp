#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "common/bytes.hpp"
#include "common/error.hpp"
#include "common/time.hpp"

namespace sublet::session {

using NamedValue = std::pair<std::string_view, std::uint64_t>;

struct HostCall {
  ByteView data;
  std::span<const NamedValue> values;
  std::size_t room = 0;  ///< the most bytes that it may give
  Nanos time_limit{};
};

struct HostResult {
  std::vector<std::byte> data;
  std::vector<std::pair<std::string, double>> values;
};

/// Errors are the chunk's own: `host_stage_failed`, `output_too_large`. The session goes on after any.
using HostFunction = std::function<Result<HostResult>(const HostCall&)>;

/// What stages of the host may name: the functions built in, and the commands that a worker's operator allows.
class HostFunctions {
 public:
  /// With those that are built in.
  HostFunctions();

  /// @param rule  `name=command`, the command for /bin/sh. `bad_argument` for anything else.
  Result<void> add_command(std::string_view rule);

  /// `load_failed`, with the nearest name, where there is none of that name.
  [[nodiscard]] Result<HostFunction> find(const std::string& name) const;

 private:
  std::map<std::string, HostFunction> functions_;
};

}  // namespace sublet::session
