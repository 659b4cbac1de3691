#pragma once

#include <atomic>

#include "gpu-worker/device.hpp"
#include "gpu-worker/session/gate.hpp"
#include "gpu-worker/session/host_functions.hpp"

namespace sublet::session {

/// What has become of a process's device.
enum class Breakage : std::uint8_t {
  none,
  by_one_chunk,  ///< known by whoever found it, and told
  by_someone,    ///< several chunks were on the device, and nobody can tell which of them did it
};

/// The device of a process, as the threads of its leases share it.
struct SharedDevice {
  Device& device;
  const HostFunctions& functions;
  Gate gate;
  std::atomic<Breakage> breakage = Breakage::none;
};

}  // namespace sublet::session
