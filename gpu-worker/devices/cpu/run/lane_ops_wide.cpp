#include <cstddef>
#include <cstdint>
#include <utility>

#include "gpu-worker/devices/cpu/run/lane_op.hpp"
#include "gpu-worker/devices/cpu/run/lane_sets.hpp"

// Only what follows may use the wider instructions: the headers above are shared with code that runs on every machine.
#if defined(__x86_64__) && defined(__GNUC__) && !defined(__clang__)
#pragma GCC push_options
#pragma GCC target("avx2,fma,bmi2,lzcnt,popcnt")
#define SUBLET_LANES wide
#include "gpu-worker/devices/cpu/run/lane_ops.inc"
#pragma GCC pop_options

namespace sublet::cpu {

LaneOp find_wide_lane_op(const LaneKey& key) { return wide::find(key); }
AddressFunctions find_wide_address_functions(std::uint32_t width) { return wide::address_functions(width); }

bool has_wide_lanes() {
  return __builtin_cpu_supports("avx2") != 0 && __builtin_cpu_supports("fma") != 0 && __builtin_cpu_supports("bmi2") != 0 &&
         __builtin_cpu_supports("lzcnt") != 0 && __builtin_cpu_supports("popcnt") != 0;
}

}  // namespace sublet::cpu
#else
namespace sublet::cpu {

LaneOp find_wide_lane_op(const LaneKey&) { return nullptr; }
AddressFunctions find_wide_address_functions(std::uint32_t) { return {}; }

bool has_wide_lanes() { return false; }

}  // namespace sublet::cpu
#endif
