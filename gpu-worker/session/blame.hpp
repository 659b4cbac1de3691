#pragma once

#include "common/error.hpp"
#include "gpu-worker/device.hpp"

namespace sublet::session {

/// Whether the chunk with which the device was found broken is the one that broke it. Where faults do not spread, whoever finds it so first
/// has that chunk; elsewhere a chunk that was alone there, unless another process may have done it. The time that a chunk takes is its own
/// wherever it runs.
/// @param alone  no other chunk of this process was on the device
constexpr bool is_guilty_for_certain(const DeviceInfo& device, bool alone, ErrorCode found) {
  return !device.faults_spread || (alone && (!device.faults_cross || found == ErrorCode::kernel_timeout));
}

}  // namespace sublet::session
