#include <limits>

#include <gtest/gtest.h>

#include "tests/gpu-worker/cpu/one_instruction.hpp"

namespace sublet::cpu {
namespace {

using s16 = std::int16_t;
using s32 = std::int32_t;
using s64 = std::int64_t;
using u16 = std::uint16_t;
using u32 = std::uint32_t;
using u64 = std::uint64_t;
__extension__ using Int128 = __int128;
__extension__ using Uint128 = unsigned __int128;

template <class T>
std::vector<T> corners() {
  using Limits = std::numeric_limits<T>;
  return {T(0),
          T(1),
          T(2),
          T(3),
          T(7),
          T(-1),
          T(-2),
          T(-7),
          T(100),
          Limits::min(),
          Limits::max(),
          T(Limits::max() - 1),
          T(Limits::min() + 1),
          T(0x5a5a5a5a5a5a5a5aULL)};
}
const std::vector<u32> kCounts = {0, 1, 5, 15, 16, 17, 31, 32, 33, 63, 64, 65, 255, 256, 0xffffffff};

template <class T>
void check_arithmetic(const std::string& type) {
  using Big = Int128;
  const auto v = corners<T>();
  check2<T>("add." + type + " %d, %a, %b;", v, v, [](T a, T b) { return static_cast<T>(Big(a) + Big(b)); });
  check2<T>("sub." + type + " %d, %a, %b;", v, v, [](T a, T b) { return static_cast<T>(Big(a) - Big(b)); });
  check2<T>("mul.lo." + type + " %d, %a, %b;", v, v, [](T a, T b) { return static_cast<T>(static_cast<u64>(a) * static_cast<u64>(b)); });
  check2<T>("min." + type + " %d, %a, %b;", v, v, [](T a, T b) { return a < b ? a : b; });
  check2<T>("max." + type + " %d, %a, %b;", v, v, [](T a, T b) { return a > b ? a : b; });
  check2<T>("mul.hi." + type + " %d, %a, %b;", v, v, [](T a, T b) {
    using Product = std::conditional_t<std::is_signed_v<T>, Int128, Uint128>;
    return static_cast<T>((Product(a) * Product(b)) >> (sizeof(T) * 8));
  });
  check2<T>("div." + type + " %d, %a, %b;", v, v, [](T a, T b) { return b == 0 ? static_cast<T>(-1) : static_cast<T>(Big(a) / Big(b)); });
  check2<T>("rem." + type + " %d, %a, %b;", v, v, [](T a, T b) { return b == 0 ? static_cast<T>(-1) : static_cast<T>(Big(a) % Big(b)); });
  check2<T>("mad.lo." + type + " %d, %a, %b, %a;", v, v,
            [](T a, T b) { return static_cast<T>(static_cast<u64>(a) * static_cast<u64>(b) + static_cast<u64>(a)); });
  check2<T>("sad." + type + " %d, %a, %b, %b;", v, v,
            [](T a, T b) { return static_cast<T>((a < b ? Big(b) - Big(a) : Big(a) - Big(b)) + Big(b)); });
}

TEST(PtxInteger, ArithmeticWrapsAndDivisionByZeroDoesNotTrap) {
  check_arithmetic<s16>("s16");
  check_arithmetic<u16>("u16");
  check_arithmetic<s32>("s32");
  check_arithmetic<u32>("u32");
  check_arithmetic<s64>("s64");
  check_arithmetic<u64>("u64");
}

TEST(PtxInteger, WideProductsKeepAllBits) {
  const auto s = corners<s32>();
  const auto u = corners<u32>();
  check2<s64>("mul.wide.s32 %d, %a, %b;", s, s, [](s32 a, s32 b) { return s64{a} * b; });
  check2<u64>("mul.wide.u32 %d, %a, %b;", u, u, [](u32 a, u32 b) { return u64{a} * b; });
  check2<s32>("mul.wide.s16 %d, %a, %b;", corners<s16>(), corners<s16>(), [](s16 a, s16 b) { return s32{a} * b; });
  check2<u64>("mul.wide.u32 %at, %a, %b; mad.wide.u32 %d, %a, %b, %at;", u, u, [](u32 a, u32 b) { return u64{a} * b * 2; });
}

TEST(PtxInteger, SaturatingAddClamps) {
  const auto v = corners<s32>();
  const auto clamp = [](s64 x) { return static_cast<s32>(std::clamp<s64>(x, INT32_MIN, INT32_MAX)); };
  check2<s32>("add.sat.s32 %d, %a, %b;", v, v, [&](s32 a, s32 b) { return clamp(s64{a} + b); });
  check2<s32>("sub.sat.s32 %d, %a, %b;", v, v, [&](s32 a, s32 b) { return clamp(s64{a} - b); });
}

TEST(PtxInteger, TwentyFourBitProductsTakeTheLowBits) {
  const auto v = corners<s32>();
  const auto low = [](s32 a) { return s64{static_cast<s32>(static_cast<u32>(a) << 8U) >> 8}; };
  check2<s32>("mul24.lo.s32 %d, %a, %b;", v, v, [&](s32 a, s32 b) { return static_cast<s32>(low(a) * low(b)); });
  check2<s32>("mul24.hi.s32 %d, %a, %b;", v, v, [&](s32 a, s32 b) { return static_cast<s32>((low(a) * low(b)) >> 16); });
  check2<u32>("mad24.lo.u32 %d, %a, %b, %a;", corners<u32>(), corners<u32>(),
              [](u32 a, u32 b) { return static_cast<u32>(u64{a & 0xffffffU} * (b & 0xffffffU) + a); });
}

TEST(PtxInteger, SignsAndAbsoluteValues) {
  check1<s32>("neg.s32 %d, %a;", corners<s32>(), [](s32 a) { return static_cast<s32>(0U - static_cast<u32>(a)); });
  check1<s64>("abs.s64 %d, %a;", corners<s64>(), [](s64 a) { return a < 0 ? static_cast<s64>(0ULL - static_cast<u64>(a)) : a; });
  check1<s16>("abs.s16 %d, %a;", corners<s16>(), [](s16 a) { return static_cast<s16>(a < 0 ? -a : a); });
}

template <class T>
void check_shifts(const std::string& type, const std::string& bits) {
  const auto v = corners<T>();
  constexpr u32 kWidth = sizeof(T) * 8;
  using U = std::make_unsigned_t<T>;
  check2<T>("shl." + bits + " %d, %a, %b;", v, kCounts,
            [](T a, u32 n) { return n >= kWidth ? T(0) : static_cast<T>(static_cast<U>(static_cast<u64>(static_cast<U>(a)) << n)); });
  check2<T>("shr." + type + " %d, %a, %b;", v, kCounts, [](T a, u32 n) {
    if (n >= kWidth) {
      return std::is_signed_v<T> && a < 0 ? T(-1) : T(0);
    }
    return static_cast<T>(a >> n);
  });
}

TEST(PtxInteger, ShiftCountsClampAtTheWidth) {
  check_shifts<s16>("s16", "b16");
  check_shifts<u16>("u16", "b16");
  check_shifts<s32>("s32", "b32");
  check_shifts<u32>("u32", "b32");
  check_shifts<s64>("s64", "b64");
  check_shifts<u64>("u64", "b64");
}

TEST(PtxInteger, FunnelShiftsWrapOrClamp) {
  const std::vector<u32> v = {0x12345678, 0xffffffff, 1};
  const auto pair = [](u32 a) { return (u64{0x9abcdef0} << 32U) | a; };
  check2<u32>("mov.u32 %t, 0x9abcdef0; shf.l.wrap.b32 %d, %a, %t, %b;", v, kCounts,
              [&](u32 a, u32 n) { return static_cast<u32>((pair(a) << (n & 31U)) >> 32U); });
  check2<u32>("mov.u32 %t, 0x9abcdef0; shf.r.wrap.b32 %d, %a, %t, %b;", v, kCounts,
              [&](u32 a, u32 n) { return static_cast<u32>(pair(a) >> (n & 31U)); });
  check2<u32>("mov.u32 %t, 0x9abcdef0; shf.l.clamp.b32 %d, %a, %t, %b;", v, kCounts,
              [&](u32 a, u32 n) { return static_cast<u32>((pair(a) << std::min(n, 32U)) >> 32U); });
  check2<u32>("mov.u32 %t, 0x9abcdef0; shf.r.clamp.b32 %d, %a, %t, %b;", v, kCounts,
              [&](u32 a, u32 n) { return static_cast<u32>(pair(a) >> std::min(n, 32U)); });
}

/// Beyond 255 the PTX manual says nothing: what the card takes for a field of T.
template <class T>
u32 place_of(u32 given) {
  return sizeof(T) == 8 ? std::min(given, 255U) : given & 255U;
}

template <class T>
T field_of(T a, u32 position, u32 length) {
  // The definition in the PTX manual, bit by bit.
  constexpr u32 kTop = sizeof(T) * 8 - 1;
  position = place_of<T>(position);
  length = place_of<T>(length);
  bool sign = false;
  if (std::is_signed_v<T> && length != 0) {
    sign = (static_cast<u64>(a) >> std::min(position + length - 1, kTop) & 1U) != 0;
  }
  u64 d = 0;
  for (u32 i = 0; i <= kTop; ++i) {
    const bool bit = i < length && position + i <= kTop ? (static_cast<u64>(a) >> (position + i) & 1U) != 0 : sign;
    d |= u64{bit} << i;
  }
  return static_cast<T>(d);
}

TEST(PtxInteger, BitFieldsAreExtractedAndInserted) {
  for (const u32 length : {0U, 1U, 8U, 31U, 32U, 40U, 64U, 255U}) {
    const std::string n = std::to_string(length);
    check2<s32>("bfe.s32 %d, %a, %b, " + n + ";", corners<s32>(), kCounts, [&](s32 a, u32 p) { return field_of(a, p, length); });
    check2<u32>("bfe.u32 %d, %a, %b, " + n + ";", corners<u32>(), kCounts, [&](u32 a, u32 p) { return field_of(a, p, length); });
    check2<s64>("bfe.s64 %d, %a, %b, " + n + ";", corners<s64>(), kCounts, [&](s64 a, u32 p) { return field_of(a, p, length); });
    check2<u64>("mov.u64 %at, 0x1111222233334444; bfi.b64 %d, %a, %at, %b, " + n + ";", corners<u64>(), kCounts, [&](u64 a, u32 p) {
      u64 base = 0x1111222233334444ULL;
      for (u32 i = 0; i < length && place_of<u64>(p) + i < 64; ++i) {
        const u64 bit = 1ULL << (place_of<u64>(p) + i);
        base = i < 64 && (a >> i & 1U) != 0 ? base | bit : base & ~bit;
      }
      return base;
    });
  }
}

TEST(PtxInteger, BitsAreCountedFoundAndReversed) {
  const auto v = corners<u32>();
  const auto w = corners<u64>();
  check1<u32>("clz.b32 %d, %a;", v, [](u32 a) { return static_cast<u32>(std::countl_zero(a)); });
  check1<u32>("clz.b64 %d, %a;", w, [](u64 a) { return static_cast<u32>(std::countl_zero(a)); });
  check1<u32>("popc.b32 %d, %a;", v, [](u32 a) { return static_cast<u32>(std::popcount(a)); });
  check1<u32>("popc.b64 %d, %a;", w, [](u64 a) { return static_cast<u32>(std::popcount(a)); });
  check1<u32>("bfind.u32 %d, %a;", v, [](u32 a) { return a == 0 ? ~0U : 31U - static_cast<u32>(std::countl_zero(a)); });
  check1<u32>("bfind.shiftamt.s64 %d, %a;", corners<s64>(), [](s64 a) {
    const u64 bits = a < 0 ? ~static_cast<u64>(a) : static_cast<u64>(a);
    return bits == 0 ? ~0U : static_cast<u32>(std::countl_zero(bits));
  });
  check1<u32>("brev.b32 %d, %a;", v, [](u32 a) {
    u32 made = 0;
    for (u32 i = 0; i < 32; ++i) {
      made |= (a >> i & 1U) << (31 - i);
    }
    return made;
  });
}

TEST(PtxInteger, Lop3FollowsItsTable) {
  for (const u32 table : {0x00U, 0x96U, 0xe8U, 0xcaU, 0x40U, 0xfeU, 0xffU}) {
    check2<u32>("mov.u32 %t, 0x0ff055aa; lop3.b32 %d, %a, %b, %t, " + std::to_string(table) + ";", corners<u32>(), corners<u32>(),
                [&](u32 a, u32 b) {
                  u32 made = 0;
                  for (u32 i = 0; i < 32; ++i) {
                    const u32 index = (a >> i & 1U) << 2U | (b >> i & 1U) << 1U | (0x0ff055aaU >> i & 1U);
                    made |= (table >> index & 1U) << i;
                  }
                  return made;
                });
  }
}

TEST(PtxInteger, PrmtPicksBytesAndSigns) {
  const std::vector<u32> selectors = {0x3210, 0x7654, 0x0123, 0x6420, 0xba98, 0xfedc, 0x8888};
  check2<u32>("mov.u32 %t, 0x84f391e0; prmt.b32 %d, %a, %t, %b;", std::vector<u32>{0x7f80ff01}, selectors, [](u32 a, u32 s) {
    const u64 both = (u64{0x84f391e0} << 32U) | a;
    u32 made = 0;
    for (u32 i = 0; i < 4; ++i) {
      const u32 pick = s >> (4 * i) & 15U;
      u32 byte = static_cast<u32>(both >> ((pick & 7U) * 8)) & 255U;
      byte = pick >= 8 ? (byte >= 128 ? 255U : 0U) : byte;
      made |= byte << (8 * i);
    }
    return made;
  });
  // The bytes 0 to 7 name themselves, so the result shows the selectors; from the table of the PTX manual, n = 1.
  const auto mode = [](const std::string& name) {
    return evaluate<u32>("mov.u32 %t, 0x07060504; prmt.b32." + name + " %d, %a, %t, 1;", std::vector<u32>{0x03020100})[0];
  };
  EXPECT_EQ(mode("f4e"), 0x04030201U);
  EXPECT_EQ(mode("b4e"), 0x06070001U);
  EXPECT_EQ(mode("rc8"), 0x01010101U);
  EXPECT_EQ(mode("ecl"), 0x03020101U);
  EXPECT_EQ(mode("ecr"), 0x01010100U);
  EXPECT_EQ(mode("rc16"), 0x03020302U);
}

TEST(PtxInteger, LogicOnBitsAndPredicates) {
  const auto v = corners<u64>();
  check2<u64>("and.b64 %d, %a, %b;", v, v, [](u64 a, u64 b) { return a & b; });
  check2<u64>("xor.b64 %d, %a, %b;", v, v, [](u64 a, u64 b) { return a ^ b; });
  check1<u64>("not.b64 %d, %a;", v, [](u64 a) { return ~a; });
  check1<u32>("cnot.b32 %d, %a;", corners<u32>(), [](u32 a) { return a == 0 ? 1U : 0U; });
  check2<u32>("setp.gt.u32 %p, %a, 5; setp.lt.u32 %q, %b, 9; xor.pred %p, %p, %q; not.pred %q, %p; selp.u32 %d, 3, 4, %q;", corners<u32>(),
              corners<u32>(), [](u32 a, u32 b) { return (a > 5) != (b < 9) ? 4U : 3U; });
}

TEST(PtxInteger, ComparisonsAreSignedOrNotAndCombine) {
  const auto s = corners<s32>();
  const auto u = corners<u32>();
  check2<u32>("setp.lt.s32 %p, %a, %b; selp.u32 %d, 1, 0, %p;", s, s, [](s32 a, s32 b) { return a < b ? 1U : 0U; });
  check2<u32>("setp.lo.u32 %p, %a, %b; selp.u32 %d, 1, 0, %p;", u, u, [](u32 a, u32 b) { return a < b ? 1U : 0U; });
  check2<u32>("setp.hs.u32 %p, %a, %b; selp.u32 %d, 1, 0, %p;", u, u, [](u32 a, u32 b) { return a >= b ? 1U : 0U; });
  // Both results from the predicate that one of them replaces.
  check2<u32>(
      "setp.eq.s32 %p, %a, 1; setp.lt.and.s32 %p|%q, %a, %b, !%p; selp.u32 %t, 1, 0, %p; selp.u32 %d, 2, 0, %q; add.u32 %d, %d, %t;", s, s,
      [](s32 a, s32 b) { return (a < b && a != 1 ? 1U : 0U) + (!(a < b) && a != 1 ? 2U : 0U); });
  check2<u32>("set.le.u32.s32 %d, %a, %b;", s, s, [](s32 a, s32 b) { return a <= b ? ~0U : 0U; });
  check2<float>("set.le.f32.s32 %d, %a, %b;", s, s, [](s32 a, s32 b) { return a <= b ? 1.0F : 0.0F; });
  check2<u32>("slct.u32.s32 %d, 8, 9, %a; add.u32 %d, %d, 0;", s, std::vector<u32>{0}, [](s32 a, u32) { return a >= 0 ? 8U : 9U; });
}

TEST(PtxInteger, GuardsKeepWhatStoodThere) {
  check1<u32>("mov.u32 %d, 5; setp.gt.u32 %p, %a, 2; @%p mov.u32 %d, %a; @!%p add.u32 %d, %d, 1;", corners<u32>(),
              [](u32 a) { return a > 2 ? a : 6U; });
  // The instruction's own guard is among what it writes.
  check1<u32>(
      "setp.gt.u32 %p, %a, 2; setp.lt.u32 %q, %a, 1000; @%p setp.gt.u32 %p|%q, %a, 50; selp.u32 %d, 1, 0, %p; selp.u32 %t, 2, 0, %q; "
      "add.u32 %d, %d, %t;",
      corners<u32>(), [](u32 a) { return a > 2 ? (a > 50 ? 1U : 2U) : 2U; });
}

TEST(PtxInteger, VectorsPackAndUnpack) {
  check2<u64>("mov.b64 %d, {%a, %b};", corners<u32>(), corners<u32>(), [](u32 a, u32 b) { return u64{b} << 32U | a; });
  check1<u32>("{ .reg .b32 %x<2>; mov.b64 {%x0, %x1}, %a; sub.u32 %d, %x0, %x1; }", corners<u64>(),
              [](u64 a) { return static_cast<u32>(a) - static_cast<u32>(a >> 32U); });
  check1<u64>("{ .reg .b16 %h<4>; mov.b64 {%h0, %h1, %h2, %h3}, %a; mov.b64 %d, {%h3, %h2, %h1, %h0}; }", corners<u64>(),
              [](u64 a) { return (a & 0xffffU) << 48U | (a >> 16U & 0xffffU) << 32U | (a >> 32U & 0xffffU) << 16U | a >> 48U; });
}

}  // namespace
}  // namespace sublet::cpu
