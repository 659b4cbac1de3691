#pragma once

#include <string>

#include "gpu-worker/devices/cpu/run/launch_state.hpp"

namespace sublet::cpu {

/// What went wrong in a launch, in words: "thread (3,0,0) of block (0,0,0) reads 4 bytes at …".
std::string fault_text(const Fault& fault, const LaunchState& launch);

}  // namespace sublet::cpu
