#pragma once

#include <span>
#include <string>
#include <string_view>

#include "common/error.hpp"

namespace sublet {

/// Functions that every worker has, whose names no command may take.
inline constexpr std::string_view kDecodePicture = "decode_picture";
inline constexpr std::string_view kEncodePicture = "encode_picture";

/// A command of the host that stages may name.
struct HostRule {
  std::string name;
  std::string command;
};

/// Reads `name=command`; `bad_argument` for anything else, and for a name that is built in.
Result<HostRule> parse_host_rule(std::string_view text);

/// What is wrong with any of them; `bad_argument` for a name that stands twice too.
Result<void> check_host_rules(std::span<const std::string> rules);

}  // namespace sublet
