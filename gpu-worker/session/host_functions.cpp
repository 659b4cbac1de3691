#include "gpu-worker/session/host_functions.hpp"

#include <fmt/format.h>

#include "common/pipeline/nearest.hpp"
#include "common/pipeline/wording.hpp"
#include "gpu-worker/session/host_command.hpp"
#include "gpu-worker/session/picture.hpp"

namespace sublet::session {

HostFunctions::HostFunctions() : functions_{{"decode_picture", decode_picture}, {"encode_picture", encode_picture}} {}

Result<void> HostFunctions::add_command(std::string_view rule) {
  const auto equals = rule.find('=');
  if (equals == 0 || equals == std::string_view::npos || equals + 1 == rule.size()) {
    return fail(ErrorCode::bad_argument, fmt::format("--host-stage {}: write name=command, such as sort=\"sort -u\"", in_quotes(rule)));
  }
  const std::string name(rule.substr(0, equals));
  if (functions_.contains(name)) {
    return fail(ErrorCode::bad_argument, fmt::format("--host-stage {}: there is one of that name; use another", in_quotes(name)));
  }
  functions_[name] = [command = std::string(rule.substr(equals + 1))](const HostCall& call) { return run_command(command, call); };
  return {};
}

Result<HostFunction> HostFunctions::find(const std::string& name) const {
  if (const auto found = functions_.find(name); found != functions_.end()) {
    return found->second;
  }
  std::vector<std::string_view> known;
  for (const auto& [each, function] : functions_) {
    known.push_back(each);
  }
  return fail(ErrorCode::load_failed,
              fmt::format("this worker has no function {} for a stage of the host{}; its operator adds commands with "
                          "--host-stage name=command",
                          in_quotes(name), name_remedy(name, known)));
}

}  // namespace sublet::session
