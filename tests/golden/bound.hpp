#pragma once

#include <cstdint>

namespace sublet::golden {

/// How far a device may be from what a card gave. By default not at all, NaN payloads included.
struct Bound {
  /// As a part of the card's result.
  double relative = 0;
  double absolute = 0;
  /// Where the PTX ISA says nothing of a NaN's payload, one NaN is as good as another.
  bool any_nan = false;

  [[nodiscard]] bool is_exact() const { return relative == 0 && absolute == 0 && !any_nan; }
};

/// What the bits of a result mean to a bound; `none` counts as bits only.
enum class Meaning : std::uint8_t { none, f16, bf16, f16x2, bf16x2, f32, f64 };

/// Whether `got` is `wanted`, or as near as `bound` asks. Infinities and the sign of a zero are never near; a device that rounds correctly
/// is given half of a last place beyond the bound, which is one on exact results.
bool is_within(const Bound& bound, Meaning meaning, std::uint64_t got, std::uint64_t wanted);

}  // namespace sublet::golden
