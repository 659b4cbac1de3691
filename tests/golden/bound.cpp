#include "tests/golden/bound.hpp"

#include <algorithm>
#include <bit>
#include <cmath>

namespace sublet::golden {
namespace {

double half_value(std::uint64_t bits) {
  const double sign = (bits & 0x8000U) != 0 ? -1 : 1;
  const auto exponent = static_cast<int>((bits >> 10U) & 31U);
  const auto fraction = static_cast<double>(bits & 0x3ffU);
  if (exponent == 31) return fraction != 0 ? std::nan("") : sign * INFINITY;
  return sign * (exponent == 0 ? std::ldexp(fraction, -24) : std::ldexp(1024 + fraction, exponent - 25));
}

double value_of(Meaning meaning, std::uint64_t bits) {
  switch (meaning) {
    case Meaning::f16:
      return half_value(bits);
    case Meaning::bf16:
      return std::bit_cast<float>(static_cast<std::uint32_t>(bits << 16U));
    case Meaning::f32:
      return std::bit_cast<float>(static_cast<std::uint32_t>(bits));
    default:
      return std::bit_cast<double>(bits);
  }
}

/// A part of a result in which its last place is worth one, for normal numbers.
double last_place(Meaning meaning) {
  switch (meaning) {
    case Meaning::f16:
      return 0x1p-10;
    case Meaning::bf16:
      return 0x1p-7;
    case Meaning::f32:
      return 0x1p-23;
    default:
      return 0x1p-52;
  }
}

bool is_near(const Bound& bound, Meaning meaning, std::uint64_t got, std::uint64_t wanted) {
  const double a = value_of(meaning, got);
  const double b = value_of(meaning, wanted);
  if (std::isnan(a) || std::isnan(b)) return std::isnan(a) && std::isnan(b) && bound.any_nan;
  if (std::isinf(a) || std::isinf(b) || (bound.relative == 0 && bound.absolute == 0)) return false;
  if (a == 0 && b == 0) return false;
  return std::abs(a - b) <= std::max(bound.relative * std::abs(b), bound.absolute) + std::abs(b) * last_place(meaning) / 2;
}

}  // namespace

bool is_within(const Bound& bound, Meaning meaning, std::uint64_t got, std::uint64_t wanted) {
  if (got == wanted) return true;
  if (bound.is_exact() || meaning == Meaning::none) return false;
  if (meaning == Meaning::f16x2 || meaning == Meaning::bf16x2) {
    const Meaning half = meaning == Meaning::f16x2 ? Meaning::f16 : Meaning::bf16;
    return is_within(bound, half, got & 0xffffU, wanted & 0xffffU) && is_within(bound, half, got >> 16U, wanted >> 16U);
  }
  return is_near(bound, meaning, got, wanted);
}

}  // namespace sublet::golden
