#pragma once

#include <cstddef>
#include <cstdint>

#include "gpu-worker/devices/cpu/ptx/ir.hpp"

namespace sublet::cpu {

/// What is done to every lane (thread of the block) by one call. `to` may be the same array as an input of the same width, and overlaps
/// none otherwise. Each array holds `count` values, each as wide as its type.
using LaneOp = void (*)(std::byte* to, const std::byte* a, const std::byte* b, const std::byte* c, std::uint32_t count);

enum class Lane : std::uint8_t {
  copy,   // also to a narrower or a wider type; the source's sign decides what fills the rest
  fill,   // the one value at `a` goes to all
  blend,  // where the byte at `b` is set, `a` goes to `to`; `to` stays elsewhere
  add,
  sub,
  mul_lo,
  mul_hi,
  mul_wide,
  mad_lo,
  mad_hi,
  mad_wide,
  div,
  rem,
  min,
  max,
  abs,
  neg,
  sad,
  mul24_lo,
  mul24_hi,
  mad24_lo,
  mad24_hi,
  add_saturated,
  sub_saturated,
  and_,
  or_,
  xor_,
  not_,
  cnot,
  shl,
  shr,
  shf_left_wrap,
  shf_left_clamp,
  shf_right_wrap,
  shf_right_clamp,
  bfe,
  bfi_mask,
  bfi_shift,
  bfi_blend,
  bfind,
  bfind_shift,
  brev,
  clz,
  popc,
  prmt,
  logic,
  pack,
  unpack_lo,
  unpack_hi,
  fma,
  rcp,
  sqrt,
  rsqrt,
  ex2,
  lg2,
  sin,
  cos,
  tanh,
  copysign,
  testp,
  compare,
  select,
  select_sign,
  mask_of,
  convert,
  add_carry,  // the third input is the carry, a byte
  carry_of,
  sub_borrow,
  borrow_of,
  dp4a,
  dp2a_lo,
  dp2a_hi,
  bmsk,
  szext,
};

/// Names one function over lanes.
struct LaneKey {
  Lane lane = Lane::copy;
  Type type = Type::none;
  Type from = Type::none;  ///< the source's type, where it differs
  Modifiers modifiers;
  std::uint8_t table = 0;  ///< of Lane::logic
};

/// The function, or null when this device does not have it. `wide` asks for the one compiled for AVX2 and FMA; see `has_wide_lanes`.
LaneOp find_lane_op(const LaneKey& key, bool wide);

/// Whether each of `count` addresses, one at least, is `stride` behind the one before.
using AddressCheck = bool (*)(const std::uint64_t* addresses, std::uint32_t count, std::uint64_t stride);
/// The one for every machine, or for AVX2.
AddressCheck find_address_check(bool wide);

/// Whether this machine runs the functions for AVX2 and FMA.
bool has_wide_lanes();

}  // namespace sublet::cpu
