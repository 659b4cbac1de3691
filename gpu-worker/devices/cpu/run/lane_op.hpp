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

/// What a step does, for code that joins steps: a LaneKey without what the forms that are worth joining never ask for.
struct StepForm {
  Lane lane = Lane::copy;
  Type type = Type::none;  ///< `none` where only the step's function knows
  Type from = Type::none;  ///< the source's type, of copies and conversions
  /// Compare of a comparison, Rounding of a conversion; otherwise kSaturatedForm or kNanForm.
  std::uint8_t how = 0;

  [[nodiscard]] bool known() const { return type != Type::none; }
};
inline constexpr std::uint8_t kSaturatedForm = 1;
inline constexpr std::uint8_t kNanForm = 1;

/// Not known where the key asks for .ftz, .relu, directed rounding, half precision or an approximation.
StepForm form_of(const LaneKey& key);

/// The function, or null when this device does not have it. `wide` asks for the one compiled for AVX2 and FMA; see `has_wide_lanes`.
LaneOp find_lane_op(const LaneKey& key, bool wide);

/// Lanes whose addresses are looked at together, and what they have in common: each a fixed stride behind the one before, all of them the
/// same, or neither.
inline constexpr std::uint32_t kGroupLanes = 8;
enum class LaneGroup : std::uint8_t { scattered, even, same };

/// The addresses of some lanes, one at least.
struct AddressQuery {
  const std::byte* addresses = nullptr;
  std::uint32_t count = 0;
  std::uint64_t offset = 0;  ///< from there to the memory that is meant
  std::uint32_t stride = 0;  ///< of an even group
};
struct AddressSurvey {
  std::int32_t low = 0;  ///< bytes from the first lane's memory to the lowest and the highest
  std::int32_t high = 0;
  std::uint32_t bits = 0;  ///< of the lower 32, those that any address has
  bool near = true;        ///< whether all are less than 2 GiB from the first; nothing else holds if not
};

/// What asks about addresses of one width.
struct AddressFunctions {
  /// Whether each of `count` addresses, one at least, is `stride` behind the one before.
  bool (*are_evenly_apart)(const std::byte* addresses, std::uint32_t count, std::uint32_t stride) = nullptr;
  /// Fills `behind` with the bytes from the first lane's memory to each lane's. A group of less than kGroupLanes at the end is `scattered`.
  AddressSurvey (*survey)(const AddressQuery& query, std::int32_t* behind, LaneGroup* groups) = nullptr;
};
/// Those for every machine, or for AVX2; `width` is 4 or 8.
AddressFunctions find_address_functions(std::uint32_t width, bool wide);

/// Whether this machine runs the functions for AVX2 and FMA.
bool has_wide_lanes();

}  // namespace sublet::cpu
