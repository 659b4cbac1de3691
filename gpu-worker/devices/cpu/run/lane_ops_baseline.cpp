#include <cstddef>
#include <cstdint>
#include <utility>

#include "gpu-worker/devices/cpu/run/lane_op.hpp"
#include "gpu-worker/devices/cpu/run/lane_sets.hpp"

#define SUBLET_LANES baseline
#include "gpu-worker/devices/cpu/run/lane_ops.inc"

namespace sublet::cpu {

LaneOp find_lane_op(const LaneKey& key, bool wide) { return wide ? find_wide_lane_op(key) : baseline::find(key); }
AddressFunctions find_address_functions(std::uint32_t width, bool wide) {
  return wide ? find_wide_address_functions(width) : baseline::address_functions(width);
}

}  // namespace sublet::cpu
