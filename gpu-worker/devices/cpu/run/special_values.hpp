#pragma once

#include <cstdint>

#include "gpu-worker/devices/cpu/run/launch_state.hpp"

namespace sublet::cpu {

/// %tid, %ntid and everything else that is the same in every block of a launch, for one thread of a block.
std::uint32_t special_of_lane(const LaunchState& launch, SpecialRegister special, std::uint32_t lane);

/// %ctaid.
std::uint32_t special_of_block(const LaunchState& launch, SpecialRegister special, std::uint64_t block);

}  // namespace sublet::cpu
