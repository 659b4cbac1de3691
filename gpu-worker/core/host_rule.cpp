#include "gpu-worker/core/host_rule.hpp"

#include <fmt/format.h>

#include "common/pipeline/wording.hpp"

namespace sublet {

Result<HostRule> parse_host_rule(std::string_view text) {
  const auto equals = text.find('=');
  if (equals == 0 || equals == std::string_view::npos || equals + 1 == text.size()) {
    return fail(ErrorCode::bad_argument, fmt::format("{}: write name=command, such as sort=\"sort -u\"", in_quotes(text)));
  }
  return HostRule{.name = std::string(text.substr(0, equals)), .command = std::string(text.substr(equals + 1))};
}

}  // namespace sublet
