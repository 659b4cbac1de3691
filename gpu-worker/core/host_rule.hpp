#pragma once

#include <string>
#include <string_view>

#include "common/error.hpp"

namespace sublet {

/// A command of the host that stages may name.
struct HostRule {
  std::string name;
  std::string command;
};

/// Reads `name=command`; `bad_argument` for anything else.
Result<HostRule> parse_host_rule(std::string_view text);

}  // namespace sublet
