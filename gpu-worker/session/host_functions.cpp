#include "gpu-worker/session/host_functions.hpp"

#include <fmt/format.h>

#include "common/pipeline/nearest.hpp"
#include "common/pipeline/wording.hpp"
#include "gpu-worker/core/host_rule.hpp"
#include "gpu-worker/session/host_command.hpp"
#include "gpu-worker/session/picture.hpp"

namespace sublet::session {

HostFunctions::HostFunctions() : functions_{{std::string(kDecodePicture), decode_picture}, {std::string(kEncodePicture), encode_picture}} {}

Result<void> HostFunctions::add_command(std::string_view rule) {
  auto parsed = parse_host_rule(rule);
  if (!parsed) {
    return std::unexpected(parsed.error());
  }
  functions_[parsed->name] = [command = std::move(parsed->command)](const HostCall& call) { return run_command(command, call); };
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
