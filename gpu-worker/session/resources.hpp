#pragma once

#include <cstdint>
#include <vector>

#include "common/error.hpp"
#include "common/pipeline/compiled.hpp"
#include "gpu-worker/device.hpp"
#include "gpu-worker/session/host_functions.hpp"

namespace sublet::session {

/// What all lanes of a session share: loaded once, before any of them.
struct Resources {
  std::vector<ModuleId> modules;        ///< in the order of the bundle's
  std::vector<MemHandle> residents;     ///< likewise
  std::vector<HostFunction> functions;  ///< of the stages of the host, in their order
  std::uint64_t uploaded_bytes = 0;     ///< to the device

  /// Errors name the module, the resident or the function.
  static Result<Resources> load(Session& session, const Bundle& bundle, const HostFunctions& functions);
};

}  // namespace sublet::session
