#pragma once

#include "gpu-worker/device.hpp"
#include "gpu-worker/ring/session_end.hpp"
#include "gpu-worker/session/guard.hpp"

namespace sublet::session {

/// A session process's life once its device is open: says so, waits for a lease, loads its bundle, runs its chunks.
/// @param guard  is told when the lease's deadline is known
ExitCode live(ring::SessionEnd& end, Device& device, Guard& guard);

}  // namespace sublet::session
