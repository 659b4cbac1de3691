#pragma once

#include "gpu-worker/device.hpp"
#include "gpu-worker/ring/link.hpp"
#include "gpu-worker/session/guard.hpp"
#include "gpu-worker/session/host_functions.hpp"

namespace sublet::session {

/// A session process's life once its device is open: says so, and serves the leases that it is handed until the agent is gone.
ExitCode live(const ring::SessionLink& link, Device& device, const HostFunctions& functions, Guard& guard);

}  // namespace sublet::session
