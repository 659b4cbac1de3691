// Atomics, half precision, carries and sums of products: one instruction at a time against C++.

#include <cmath>
#include <functional>
#include <limits>

#include "tests/gpu-worker/cpu/one_instruction.hpp"

namespace sublet::cpu {
namespace {

using u32 = std::uint32_t;
using u64 = std::uint64_t;

const std::vector<u32> kWords = {0, 1, 2, 7, 0x7fff'ffff, 0x8000'0000, 0x8000'0001, 0xffff'fffe, 0xffff'ffff, 0x1234'5678};

/// `operation` on shared memory that held %a, with %b: what was there, and what is there then.
template <class T>
void check_atomic(const std::string& operation, const std::vector<T>& values, std::function<T(T, T)> wanted) {
  const std::string move = sizeof(T) == 8 ? "b64" : "b32";
  const std::string prepare = fmt::format(
      ".shared .align 8 .b8 cells[8192];\nmul.lo.u32 %t, %i, {};\n.reg .b32 %s;\nmov.u32 %s, cells;\nadd.u32 %s, %s, %t;\nst.shared.{} "
      "[%s], "
      "%a;\n",
      sizeof(T), move);
  check2<T>(prepare + fmt::format("atom.shared.{} %d, [%s], %b;", operation), values, values, [](T old, T) { return old; });
  check2<T>(prepare + fmt::format("red.shared.{} [%s], %b;\nld.shared.{} %d, [%s];", operation, move), values, values, wanted);
}

TEST(PtxAtomic, EveryOperationOnWords) {
  check_atomic<u32>("add.u32", kWords, [](u32 a, u32 b) { return a + b; });
  check_atomic<u32>("min.u32", kWords, [](u32 a, u32 b) { return std::min(a, b); });
  check_atomic<u32>("max.u32", kWords, [](u32 a, u32 b) { return std::max(a, b); });
  check_atomic<u32>("min.s32", kWords, [](u32 a, u32 b) { return static_cast<std::int32_t>(a) < static_cast<std::int32_t>(b) ? a : b; });
  check_atomic<u32>("max.s32", kWords, [](u32 a, u32 b) { return static_cast<std::int32_t>(a) > static_cast<std::int32_t>(b) ? a : b; });
  check_atomic<u32>("and.b32", kWords, [](u32 a, u32 b) { return a & b; });
  check_atomic<u32>("or.b32", kWords, [](u32 a, u32 b) { return a | b; });
  check_atomic<u32>("xor.b32", kWords, [](u32 a, u32 b) { return a ^ b; });
  check_atomic<u32>("inc.u32", kWords, [](u32 a, u32 b) { return a >= b ? 0 : a + 1; });
  check_atomic<u32>("dec.u32", kWords, [](u32 a, u32 b) { return a == 0 || a > b ? b : a - 1; });
}

TEST(PtxAtomic, EveryOperationOnDoubleWordsAndFloats) {
  const std::vector<u64> values = {0, 1, 0x7fff'ffff'ffff'ffff, 0x8000'0000'0000'0000, ~u64{0}, 0x0123'4567'89ab'cdef};
  check_atomic<u64>("add.u64", values, [](u64 a, u64 b) { return a + b; });
  check_atomic<u64>("max.s64", values, [](u64 a, u64 b) { return static_cast<std::int64_t>(a) > static_cast<std::int64_t>(b) ? a : b; });
  check_atomic<u64>("xor.b64", values, [](u64 a, u64 b) { return a ^ b; });
  check_atomic<float>("add.f32", {0.0F, -0.0F, 1.5F, 1e-40F, 3e38F, -7.25F}, [](float a, float b) { return a + b; });
  check_atomic<double>("add.f64", {0.0, 1.5, 1e-310, 1e300}, [](double a, double b) { return a + b; });
}

TEST(PtxAtomic, ExchangesAndComparesAndSwaps) {
  const std::string prepare =
      ".shared .align 8 .b8 cells[4096];\nmul.lo.u32 %t, %i, 4;\n.reg .b32 %s;\nmov.u32 %s, cells;\nadd.u32 %s, %s, %t;\nst.shared.b32 "
      "[%s], %a;\n";
  check2<u32>(prepare + "atom.shared.exch.b32 %t, [%s], %b;\nld.shared.b32 %d, [%s];\nxor.b32 %d, %d, %t;", kWords, kWords,
              [](u32 a, u32 b) { return a ^ b; });
  check2<u32>(prepare + "atom.shared.cas.b32 %t, [%s], 7, %b;\nld.shared.b32 %d, [%s];", kWords, kWords,
              [](u32 a, u32 b) { return a == 7 ? b : a; });
}

TEST(PtxCarry, ChainsReachTheNextWord) {
  const std::vector<u64> first = {0, 0xffff'ffff, ~u64{0}, 0x1'0000'0000, 0x1234'5678'9abc'def0};
  const std::vector<u64> second = {0, 1, 0xffff'ffff, ~u64{0}, 0x8000'0000'8000'0000};
  const std::string open = ".reg .b32 %v, %w, %x, %y; mov.b64 {%v, %w}, %a; mov.b64 {%x, %y}, %b; ";
  check2<u64>(open + "add.cc.u32 %v, %v, %x; addc.u32 %w, %w, %y; mov.b64 %d, {%v, %w};", first, second, std::plus<>{});
  check2<u64>(open + "sub.cc.u32 %v, %v, %x; subc.u32 %w, %w, %y; mov.b64 %d, {%v, %w};", first, second, std::minus<>{});
  check2<u64>(open + "mad.lo.cc.u32 %v, %v, %x, %x; madc.hi.u32 %w, %x, %y, 0; mov.b64 %d, {%v, %w};", first, second, [](u64 a, u64 b) {
    const u64 low = u64{static_cast<u32>(static_cast<u32>(a) * static_cast<u32>(b))} + static_cast<u32>(b);
    const u64 high = (b & 0xffff'ffff) * (b >> 32U) >> 32U;
    return (low & 0xffff'ffff) | (high + (low >> 32U)) << 32U;
  });
}

TEST(PtxDot, SumsOfProductsOfBytesAndHalves) {
  const auto part = [](u32 word, int i, int bits, bool is_signed) {
    const auto raw = static_cast<std::int64_t>(word >> (i * bits) & ((1U << bits) - 1U));
    return is_signed && raw >> (bits - 1) != 0 ? raw - (std::int64_t{1} << bits) : raw;
  };
  for (const bool first : {false, true}) {
    for (const bool second : {false, true}) {
      const std::string types = fmt::format("{}32.{}32", first ? 's' : 'u', second ? 's' : 'u');
      check2<u32>("dp4a." + types + " %d, %a, %b, 5;", kWords, kWords, [&](u32 a, u32 b) {
        std::int64_t sum = 5;
        for (int i = 0; i < 4; ++i) {
          sum += part(a, i, 8, first) * part(b, i, 8, second);
        }
        return static_cast<u32>(sum);
      });
      check2<u32>("dp2a.hi." + types + " %d, %a, %b, 5;", kWords, kWords, [&](u32 a, u32 b) {
        return static_cast<u32>(5 + part(a, 0, 16, first) * part(b, 2, 8, second) + part(a, 1, 16, first) * part(b, 3, 8, second));
      });
    }
  }
}

TEST(PtxBits, MasksAndExtensions) {
  const std::vector<u32> counts = {0, 1, 5, 16, 31, 32, 33, 255};
  check2<u32>("bmsk.clamp.b32 %d, %a, %b;", counts, counts, [](u32 a, u32 b) {
    u32 mask = 0;
    for (u64 i = a; i < 32 && i < u64{a} + b; ++i) {
      mask |= 1U << i;
    }
    return mask;
  });
  check2<u32>("szext.clamp.s32 %d, %a, %b;", kWords, counts, [](u32 a, u32 b) {
    if (b == 0) {
      return 0U;
    }
    return b >= 32 ? a : static_cast<u32>(static_cast<std::int32_t>(a << (32 - b)) >> (32 - b));
  });
}

// Half precision. The reference is the host's own conversion between halves and floats.

float half_value(std::uint16_t bits) {
  const int exponent = bits >> 10 & 31;
  const float fraction = static_cast<float>(bits & 1023);
  const float sign = (bits & 0x8000U) != 0 ? -1.0F : 1.0F;
  if (exponent == 31) {
    return fraction != 0 ? std::numeric_limits<float>::quiet_NaN() : sign * std::numeric_limits<float>::infinity();
  }
  return sign * (exponent == 0 ? std::ldexp(fraction, -24) : std::ldexp(1024 + fraction, exponent - 25));
}
/// The half nearest to `value`, by trying all of them in the value's sign; ties to even.
Half16 nearest_half(double value) {
  if (std::isnan(value)) {
    return {0x7fff};
  }
  const std::uint16_t sign = std::signbit(value) ? 0x8000 : 0;
  const double size = std::abs(value);
  std::uint16_t low = 0;
  std::uint16_t high = 0x7c00;
  while (high - low > 1) {
    const auto middle = static_cast<std::uint16_t>((low + high) / 2);
    (half_value(middle) <= size ? low : high) = middle;
  }
  const double below = half_value(low);
  const double above = high == 0x7c00 ? 65536.0 : half_value(high);
  const double middle = (below + above) / 2;
  const bool up = size > middle || (size == middle && (low & 1U) != 0);
  return {static_cast<std::uint16_t>(sign | (up ? high : low))};
}

const std::vector<Half16> kHalves = {{0x0000}, {0x8000}, {0x3c00}, {0xbc00}, {0x3555}, {0x0001}, {0x83ff}, {0x0400},
                                     {0x7bff}, {0xfbff}, {0x7c00}, {0xfc00}, {0x7e01}, {0x5640}, {0x1401}};

TEST(PtxHalf, ArithmeticRoundsOnce) {
  check2<Half16>("add.rn.f16 %d, %a, %b;", kHalves, kHalves,
                 [](Half16 a, Half16 b) { return nearest_half(double{half_value(a.bits)} + half_value(b.bits)); });
  check2<Half16>("sub.f16 %d, %a, %b;", kHalves, kHalves,
                 [](Half16 a, Half16 b) { return nearest_half(double{half_value(a.bits)} - half_value(b.bits)); });
  check2<Half16>("mul.f16 %d, %a, %b;", kHalves, kHalves,
                 [](Half16 a, Half16 b) { return nearest_half(double{half_value(a.bits)} * half_value(b.bits)); });
  check2<Half16>("fma.rn.f16 %d, %a, %b, %a;", kHalves, kHalves, [](Half16 a, Half16 b) {
    return nearest_half(std::fma(double{half_value(a.bits)}, double{half_value(b.bits)}, double{half_value(a.bits)}));
  });
}

TEST(PtxHalf, PairsAreTwoOfThem) {
  const std::vector<u32> pairs = {0x3c00'0001, 0x7bff'8000, 0xfc00'3555, 0x0400'7c00, 0x5640'bc00};
  check2<u32>("add.f16x2 %d, %a, %b;", pairs, pairs, [](u32 a, u32 b) {
    const auto sum = [](u32 x, u32 y) {
      return u32{nearest_half(double{half_value(static_cast<std::uint16_t>(x))} + half_value(static_cast<std::uint16_t>(y))).bits};
    };
    return sum(a & 0xffffU, b & 0xffffU) | sum(a >> 16U, b >> 16U) << 16U;
  });
}

TEST(PtxHalf, ComparesAndConverts) {
  check2<u32>("setp.lt.f16 %p, %a, %b; selp.u32 %d, 1, 0, %p;", kHalves, kHalves,
              [](Half16 a, Half16 b) { return half_value(a.bits) < half_value(b.bits) ? 1U : 0U; });
  check2<u32>("cvt.rn.f16x2.f32 %d, %a, %b;", std::vector<float>{1.0F, -65520.0F, 1e-8F, 0.1F}, std::vector<float>{2.0F, 65519.0F, 6e-8F},
              [](float high, float low) { return u32{nearest_half(low).bits} | u32{nearest_half(high).bits} << 16U; });
  check1<Half16>("cvt.rn.bf16.f32 %d, %a;", std::vector<float>{1.0F, -0.0F, 1.00390625F, 1.01171875F, 3.4e38F, 1e-40F}, [](float value) {
    const u32 bits = std::bit_cast<u32>(value);
    return Half16{static_cast<std::uint16_t>((bits + 0x7fffU + (bits >> 16U & 1U)) >> 16U)};
  });
}

/// A finite half or infinity as a whole number of that type, clamped.
template <class T>
T whole_of(double value) {
  const double least = std::numeric_limits<T>::min();
  const double most = std::numeric_limits<T>::max();
  return value <= least ? std::numeric_limits<T>::min() : value >= most ? std::numeric_limits<T>::max() : static_cast<T>(value);
}

TEST(PtxHalf, ConvertsToWholeNumbersAndBack) {
  const std::vector<Half16> halves = {{0x0000}, {0x8000}, {0x3800}, {0x3e00}, {0x4100}, {0xb800}, {0xbe00}, {0xc100},
                                      {0x5bff}, {0x7bff}, {0xfbff}, {0x7c00}, {0xfc00}, {0x0001}, {0x83ff}, {0x5640}};
  check1<std::int32_t>("cvt.rzi.s32.f16 %d, %a;", halves, [](Half16 a) { return whole_of<std::int32_t>(std::trunc(half_value(a.bits))); });
  check1<std::int32_t>("cvt.rni.s32.f16 %d, %a;", halves,
                       [](Half16 a) { return whole_of<std::int32_t>(std::nearbyint(half_value(a.bits))); });
  check1<u32>("cvt.rpi.u32.f16 %d, %a;", halves, [](Half16 a) { return whole_of<u32>(std::ceil(half_value(a.bits))); });
  check1<std::int16_t>("cvt.rmi.s16.f16 %d, %a;", halves, [](Half16 a) { return whole_of<std::int16_t>(std::floor(half_value(a.bits))); });
  check1<Half16>("cvt.rni.f16.f16 %d, %a;", halves, [](Half16 a) { return nearest_half(std::nearbyint(half_value(a.bits))); });
  check1<Half16>("cvt.rmi.f16.f16 %d, %a;", halves, [](Half16 a) { return nearest_half(std::floor(half_value(a.bits))); });
  const std::vector<std::int32_t> words = {0,     1,     -1,    2049,   2051,       -2050,     65503,
                                           65504, 65519, 65520, -65520, 16'777'217, INT32_MAX, INT32_MIN};
  check1<Half16>("cvt.rn.f16.s32 %d, %a;", words, [](std::int32_t a) { return nearest_half(a); });
  check1<Half16>("cvt.rn.f16.s64 %d, %a;", std::vector<std::int64_t>{0, 2049, -65520, INT64_MAX, INT64_MIN, (std::int64_t{1} << 53) + 1},
                 [](std::int64_t a) { return nearest_half(static_cast<double>(a)); });
  check1<Half16>("cvt.rz.f16.s32 %d, %a;", std::vector<std::int32_t>{2049, 2051, -2051, 65535, -65535},
                 [](std::int32_t a) { return nearest_half(std::abs(a) > 65504 ? std::copysign(65504, a) : (a / 2) * 2); });
  check1<Half16>(
      "cvt.rn.bf16.s32 %d, %a;", std::vector<std::int32_t>{0, 257, 259, -383, 16'777'217, 0x0101'0001, INT32_MAX}, [](std::int32_t a) {
        // The nearest of 8 bits, straight from the number.
        const double unit = a == 0 ? 1 : std::exp2(std::ilogb(static_cast<double>(a)) - 7);
        return Half16{static_cast<std::uint16_t>(std::bit_cast<u32>(static_cast<float>(std::nearbyint(a / unit) * unit)) >> 16U)};
      });
  check1<u32>("cvt.rzi.u32.bf16 %d, %a;", std::vector<Half16>{{0x3fc0}, {0x4f80}, {0xbf80}, {0x42f7}},
              [](Half16 a) { return whole_of<u32>(std::trunc(std::bit_cast<float>(u32{a.bits} << 16U))); });
}

TEST(PtxHalf, ComparesToHalvesAndToBitsOfPairs) {
  const auto less = [](u32 a, u32 b) { return half_value(static_cast<std::uint16_t>(a)) < half_value(static_cast<std::uint16_t>(b)); };
  check2<Half16>("set.lt.f16.f16 %d, %a, %b;", kHalves, kHalves,
                 [&](Half16 a, Half16 b) { return Half16{static_cast<std::uint16_t>(less(a.bits, b.bits) ? 0x3c00 : 0)}; });
  const std::vector<u32> pairs = {0x3c00'0001, 0x7bff'8000, 0xfc00'3555, 0x0400'7c00, 0x5640'bc00, 0x7e00'0000};
  const auto of_each = [&](u32 yes) {
    return [&, yes](u32 a, u32 b) { return (less(a, b) ? yes : 0) | (less(a >> 16U, b >> 16U) ? yes << 16U : 0); };
  };
  check2<u32>("set.lt.f16x2.f16x2 %d, %a, %b;", pairs, pairs, of_each(0x3c00));
  check2<u32>("set.lt.u32.f16x2 %d, %a, %b;", pairs, pairs, of_each(0xffff));
  check2<u32>("set.nan.u32.f16x2 %d, %a, %b;", pairs, pairs, [](u32 a, u32 b) {
    const auto is_nan = [](u32 half) { return std::isnan(half_value(static_cast<std::uint16_t>(half))); };
    return (is_nan(a) || is_nan(b) ? 0xffffU : 0) | (is_nan(a >> 16U) || is_nan(b >> 16U) ? 0xffff0000U : 0);
  });
}

}  // namespace
}  // namespace sublet::cpu
