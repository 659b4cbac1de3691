#pragma once

#include "gpu-worker/devices/cpu/run/lane_op.hpp"

namespace sublet::cpu {

/// The functions compiled for AVX2 and FMA; only for a machine that has them.
LaneOp find_wide_lane_op(const LaneKey& key);
AddressFunctions find_wide_address_functions(std::uint32_t width);

}  // namespace sublet::cpu
