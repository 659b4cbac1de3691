#include <cstddef>
#include <cstdint>
#include <utility>

#include "gpu-worker/devices/cpu/run/lane_op.hpp"
#include "gpu-worker/devices/cpu/run/lane_sets.hpp"

#define SUBLET_LANES baseline
#include "gpu-worker/devices/cpu/run/lane_ops.inc"

namespace sublet::cpu {

LaneOp find_lane_op(const LaneKey& key, bool wide) { return wide ? find_wide_lane_op(key) : baseline::find(key); }
AddressCheck find_address_check(bool wide) { return wide ? find_wide_address_check() : baseline::are_evenly_apart; }

}  // namespace sublet::cpu
