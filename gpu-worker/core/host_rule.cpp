#include "gpu-worker/core/host_rule.hpp"

#include <set>

#include <fmt/format.h>

#include "common/pipeline/wording.hpp"

namespace sublet {

Result<HostRule> parse_host_rule(std::string_view text) {
  const auto equals = text.find('=');
  if (equals == 0 || equals == std::string_view::npos || equals + 1 == text.size()) {
    return fail(ErrorCode::bad_argument, fmt::format("--host-stage {}: write name=command, such as sort=\"sort -u\"", in_quotes(text)));
  }
  const auto name = text.substr(0, equals);
  if (name == kDecodePicture || name == kEncodePicture) {
    return fail(ErrorCode::bad_argument, fmt::format("--host-stage {}: a function of that name is built in; use another", in_quotes(name)));
  }
  return HostRule{.name = std::string(name), .command = std::string(text.substr(equals + 1))};
}

Result<void> check_host_rules(std::span<const std::string> rules) {
  std::set<std::string> names;
  for (const std::string& text : rules) {
    const auto rule = parse_host_rule(text);
    if (!rule) {
      return std::unexpected(rule.error());
    }
    if (!names.insert(rule->name).second) {
      return fail(ErrorCode::bad_argument, fmt::format("--host-stage {} is given twice; use another name", in_quotes(rule->name)));
    }
  }
  return {};
}

}  // namespace sublet
