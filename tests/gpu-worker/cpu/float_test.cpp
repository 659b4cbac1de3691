#include <cfenv>
#include <cmath>
#include <limits>

#include <gtest/gtest.h>

#include "tests/gpu-worker/cpu/one_instruction.hpp"

namespace sublet::cpu {
namespace {

using Limits = std::numeric_limits<float>;
constexpr std::uint32_t kNan = 0x7fffffff;

float from_bits(std::uint32_t bits) { return std::bit_cast<float>(bits); }
/// Single precision arithmetic answers this NaN, whatever went in.
float canonical(float value) { return std::isnan(value) ? from_bits(kNan) : value; }
float flush(float value) { return std::fpclassify(value) == FP_SUBNORMAL ? std::copysign(0.0F, value) : value; }

const std::vector<float> kFloats = {0.0F,
                                    -0.0F,
                                    1.0F,
                                    -1.0F,
                                    0.1F,
                                    255.0F,
                                    3.5F,
                                    -2.5F,
                                    0.5F,
                                    1e-40F,
                                    -1e-40F,
                                    1e30F,
                                    -3.4e38F,
                                    Limits::max(),
                                    Limits::min(),
                                    Limits::denorm_min(),
                                    Limits::infinity(),
                                    -Limits::infinity(),
                                    from_bits(0x7fc00001),
                                    from_bits(0xff800001),
                                    16777217.0F,
                                    1.0F / 3.0F};
const std::vector<double> kDoubles = {0.0,
                                      -0.0,
                                      1.0,
                                      -1.0,
                                      0.1,
                                      1e-310,
                                      1e300,
                                      -1e300,
                                      1e40,
                                      2.5,
                                      -3.5,
                                      4294967295.9,
                                      9.3e18,
                                      -9.3e18,
                                      1e-46,
                                      3.4028235677973366e38,
                                      std::numeric_limits<double>::infinity(),
                                      1.0000000596046448};

/// Rounds as the host does in `mode`; the volatile keeps the operation between the two calls.
template <class T, class Work>
T rounded(int mode, Work work) {
  std::fesetround(mode);
  const volatile T made = work();
  std::fesetround(FE_TONEAREST);
  return made;
}

TEST(PtxFloat, NearestIsExactAndNansAreCanonical) {
  check2<float>("add.rn.f32 %d, %a, %b;", kFloats, kFloats, [](float a, float b) { return canonical(a + b); });
  check2<float>("sub.f32 %d, %a, %b;", kFloats, kFloats, [](float a, float b) { return canonical(a - b); });
  check2<float>("mul.f32 %d, %a, %b;", kFloats, kFloats, [](float a, float b) { return canonical(a * b); });
  check2<float>("div.rn.f32 %d, %a, %b;", kFloats, kFloats, [](float a, float b) { return canonical(a / b); });
  check1<float>("sqrt.rn.f32 %d, %a;", kFloats, [](float a) { return canonical(std::sqrt(a)); });
  check1<float>("rcp.rn.f32 %d, %a;", kFloats, [](float a) { return canonical(1.0F / a); });
  check2<double>("div.rn.f64 %d, %a, %b;", kDoubles, std::vector<double>{3.0, -0.1, 1e-300}, [](double a, double b) { return a / b; });
  check1<double>("sqrt.rn.f64 %d, %a;", std::vector<double>{2.0, 0.1, 1e-310}, [](double a) { return std::sqrt(a); });
}

TEST(PtxFloat, FmaRoundsOnce) {
  check2<float>("fma.rn.f32 %d, %a, %b, 0fBF800000;", kFloats, kFloats, [](float a, float b) { return canonical(std::fma(a, b, -1.0F)); });
  check2<double>("fma.rn.f64 %d, %a, %b, 0dBFF0000000000000;", std::vector<double>{1.0000000000000002, 0.1, 3.0},
                 std::vector<double>{1.0000000000000002, 10.0}, [](double a, double b) { return std::fma(a, b, -1.0); });
  // One ulp over 1, squared, less 1: the separate product has lost the last bit.
  const float x = std::nextafter(1.0F, 2.0F);
  const float got = evaluate<float>("neg.f32 %t, %b; fma.rn.f32 %d, %a, %a, %t;", std::vector<float>{x}, std::vector<float>{x * x})[0];
  EXPECT_EQ(got, std::fma(x, x, -(x * x)));
  EXPECT_NE(got, 0.0F);
}

TEST(PtxFloat, DirectedRoundingRoundsThatWay) {
  const std::vector<float> v = {0.1F, 1.0F / 3.0F, -0.7F, 1e-40F, 16777217.0F, 3.4e38F, -5.5F};
  const auto all = [&](const std::string& suffix, int mode) {
    check2<float>("add." + suffix + ".f32 %d, %a, %b;", v, v,
                  [&](float a, float b) { return rounded<float>(mode, [&] { return a + b; }); });
    check2<float>("mul." + suffix + ".f32 %d, %a, %b;", v, v,
                  [&](float a, float b) { return rounded<float>(mode, [&] { return a * b; }); });
    check2<float>("div." + suffix + ".f32 %d, %a, %b;", v, v,
                  [&](float a, float b) { return rounded<float>(mode, [&] { return a / b; }); });
    check2<float>("fma." + suffix + ".f32 %d, %a, %b, 0f3DCCCCCD;", v, v,
                  [&](float a, float b) { return rounded<float>(mode, [&] { return std::fma(a, b, 0.1F); }); });
    check1<float>("cvt." + suffix + ".f32.f64 %d, %a;", kDoubles,
                  [&](double a) { return rounded<float>(mode, [&] { return static_cast<float>(a); }); });
    check1<float>("cvt." + suffix + ".f32.s32 %d, %a;", std::vector<std::int32_t>{16777217, -16777217, INT32_MAX, INT32_MIN, 3},
                  [&](std::int32_t a) { return rounded<float>(mode, [&] { return static_cast<float>(a); }); });
  };
  all("rz", FE_TOWARDZERO);
  all("rm", FE_DOWNWARD);
  all("rp", FE_UPWARD);
  // And the mode is nearest again afterwards.
  check2<float>("add.rz.f32 %t, %a, %b; add.rn.f32 %d, %a, %b;", v, v, [](float a, float b) { return a + b; });
}

TEST(PtxFloat, FtzFlushesInputsAndResultsKeepingTheSign) {
  check2<float>("add.ftz.f32 %d, %a, %b;", kFloats, kFloats, [](float a, float b) { return flush(canonical(flush(a) + flush(b))); });
  check2<float>("mul.ftz.f32 %d, %a, %b;", kFloats, kFloats, [](float a, float b) { return flush(canonical(flush(a) * flush(b))); });
  // Rounded with any exponent they would still be below the least normal number, or just reach it.
  const std::vector<float> below = {0x1.fffffep-1F, -0x1p-126F, 0x1.fffffcp-1F, 0x1.000002p-126F};
  check2<float>("mul.ftz.f32 %d, %a, %b;", below, below, [](float a, float b) {
    return std::abs(a * b) == 0x1p-126F && std::abs((a * 0x1p32F) * (b * 0x1p32F)) < 0x1p-62F ? std::copysign(0.0F, a * b) : flush(a * b);
  });
  check2<std::uint32_t>("setp.eq.ftz.f32 %p, %a, %b; selp.u32 %d, 1, 0, %p;", kFloats, kFloats,
                        [](float a, float b) { return flush(a) == flush(b) ? 1U : 0U; });
}

TEST(PtxFloat, DoublePrecisionPassesOnOneNan) {
  const auto nan = [](std::uint64_t payload) { return std::bit_cast<double>(0x7ff0'0000'0000'0000U | payload); };
  const std::vector<double> values = {1.0, nan(1), nan(2), nan(3U | 0x0008'0000'0000'0000U)};
  const auto first = [](double a, double b, double made) {
    const double one = std::isnan(a) ? a : b;
    return std::isnan(one) ? std::bit_cast<double>(std::bit_cast<std::uint64_t>(one) | 0x0008'0000'0000'0000U) : made;
  };
  check2<double>("add.rn.f64 %d, %a, %b;", values, values, [&](double a, double b) { return first(b, a, a + b); });
  check2<double>("mul.rn.f64 %d, %a, %b;", values, values, [&](double a, double b) { return first(b, a, a * b); });
  check2<double>("div.rn.f64 %d, %a, %b;", values, values, [&](double a, double b) { return first(a, b, a / b); });
  check2<double>("fma.rn.f64 %d, %a, %b, %a;", values, values, [&](double a, double b) { return first(a, b, std::fma(a, b, a)); });
  check2<double>("fma.rn.f64 %d, 0d3FF0000000000000, %b, %a;", values, values, [&](double a, double b) { return first(a, b, a + b); });
}

TEST(PtxFloat, SatClampsAndTurnsNanIntoZero) {
  const auto sat = [](float x) { return x > 0 ? std::min(x, 1.0F) : 0.0F; };
  check2<float>("add.sat.f32 %d, %a, %b;", kFloats, kFloats, [&](float a, float b) { return sat(a + b); });
  check1<float>("cvt.sat.f32.f32 %d, %a;", kFloats, [&](float a) { return sat(a); });
}

TEST(PtxFloat, MinAndMaxPreferNumbersUnlessTold) {
  const auto smaller = [](float a, float b) {
    if (std::isnan(a) || std::isnan(b)) {
      return canonical(std::isnan(a) ? b : a);
    }
    return a < b || (a == b && std::signbit(a)) ? a : b;
  };
  check2<float>("min.f32 %d, %a, %b;", kFloats, kFloats, smaller);
  check2<float>("max.f32 %d, %a, %b;", kFloats, kFloats, [&](float a, float b) {
    const float made = smaller(-a, -b);
    return std::isnan(made) ? from_bits(kNan) : -made;
  });
  check2<float>("min.NaN.f32 %d, %a, %b;", kFloats, kFloats,
                [&](float a, float b) { return std::isnan(a) || std::isnan(b) ? from_bits(kNan) : smaller(a, b); });
}

TEST(PtxFloat, ComparisonsKnowOrderedFromUnordered) {
  const auto check = [](const std::string& op, auto reference) {
    check2<std::uint32_t>("setp." + op + ".f32 %p, %a, %b; selp.u32 %d, 1, 0, %p;", kFloats, kFloats,
                          [&](float a, float b) { return reference(a, b) ? 1U : 0U; });
  };
  const auto nan = [](float a, float b) { return std::isnan(a) || std::isnan(b); };
  check("eq", [&](float a, float b) { return !nan(a, b) && a == b; });
  check("ne", [&](float a, float b) { return !nan(a, b) && a != b; });
  check("lt", [&](float a, float b) { return !nan(a, b) && a < b; });
  check("ge", [&](float a, float b) { return !nan(a, b) && a >= b; });
  check("equ", [&](float a, float b) { return nan(a, b) || a == b; });
  check("neu", [&](float a, float b) { return nan(a, b) || a != b; });
  check("ltu", [&](float a, float b) { return nan(a, b) || a < b; });
  check("leu", [&](float a, float b) { return nan(a, b) || a <= b; });
  check("gtu", [&](float a, float b) { return nan(a, b) || a > b; });
  check("geu", [&](float a, float b) { return nan(a, b) || a >= b; });
  check("num", [&](float a, float b) { return !nan(a, b); });
  check("nan", nan);
}

TEST(PtxFloat, TestpAndCopysignLookAtBits) {
  const auto check = [](const std::string& op, auto reference) {
    check1<std::uint32_t>("testp." + op + ".f32 %p, %a; selp.u32 %d, 1, 0, %p;", kFloats, [&](float a) { return reference(a) ? 1U : 0U; });
  };
  check("finite", [](float a) { return std::isfinite(a); });
  check("infinite", [](float a) { return std::isinf(a); });
  check("number", [](float a) { return !std::isnan(a); });
  check("notanumber", [](float a) { return std::isnan(a); });
  check("normal", [](float a) { return std::isnormal(a) || a == 0; });
  check("subnormal", [](float a) { return std::fpclassify(a) == FP_SUBNORMAL; });
  // The first operand gives the sign, the second the rest.
  check2<float>("copysign.f32 %d, %a, %b;", std::vector<float>{1.0F, -1.0F, -0.0F}, kFloats, [](float a, float b) {
    return from_bits((std::bit_cast<std::uint32_t>(a) & 0x80000000U) | (std::bit_cast<std::uint32_t>(b) & 0x7fffffffU));
  });
}

TEST(PtxFloat, ApproximationsStayWithinTheirBounds) {
  std::vector<float> v;
  for (int i = 1; i <= 500; ++i) {
    v.push_back(static_cast<float>(i) * 0.0125F);
  }
  const auto close = [&](const std::string& op, auto reference, double relative, double absolute) {
    const std::vector<float> got = evaluate<float>(op + " %d, %a;", v);
    for (std::size_t i = 0; i < v.size(); ++i) {
      const double wanted = reference(static_cast<double>(v[i]));
      EXPECT_NEAR(got[i], wanted, std::abs(wanted) * relative + absolute) << op << " of " << v[i];
    }
  };
  close("ex2.approx.f32", [](double x) { return std::exp2(x); }, 0x1p-22, 0);
  close("lg2.approx.f32", [](double x) { return std::log2(x); }, 0x1p-22, 0x1p-22);
  close("sin.approx.f32", [](double x) { return std::sin(x); }, 0, std::exp2(-20.5));
  close("cos.approx.f32", [](double x) { return std::cos(x); }, 0, std::exp2(-20.5));
  close("tanh.approx.f32", [](double x) { return std::tanh(x); }, 0x1p-11, 0);
  close("rsqrt.approx.f32", [](double x) { return 1 / std::sqrt(x); }, std::exp2(-22.9), 0);
  close("rcp.approx.ftz.f32", [](double x) { return 1 / x; }, 0x1p-23, 0);
  close("sqrt.approx.f32", [](double x) { return std::sqrt(x); }, 0x1p-23, 0);
}

template <class D, class S>
D clamped(S value) {
  if (std::isnan(value)) {
    return sizeof(D) == 8 || sizeof(S) == 8 ? static_cast<D>(std::uint64_t{1} << (sizeof(D) * 8 - 1)) : D{0};
  }
  const auto wide = static_cast<long double>(value);
  if (wide <= static_cast<long double>(std::numeric_limits<D>::min())) {
    return std::numeric_limits<D>::min();
  }
  return wide >= static_cast<long double>(std::numeric_limits<D>::max()) ? std::numeric_limits<D>::max() : static_cast<D>(value);
}

template <class D>
void check_to_integer(const std::string& type) {
  std::vector<float> f = kFloats;
  f.insert(f.end(), {127.5F, 128.5F, -128.5F, 255.5F, 32767.5F, 65535.5F, 2147483648.0F, -2147483648.0F, 4294967296.0F, 9.3e18F, -9.3e18F,
                     1.9e19F, 1.5F, -0.5F});
  check1<D>("cvt.rzi." + type + ".f32 %d, %a;", f, [](float a) { return clamped<D>(std::trunc(a)); });
  check1<D>("cvt.rni." + type + ".f32 %d, %a;", f, [](float a) { return clamped<D>(std::nearbyint(a)); });
  check1<D>("cvt.rmi." + type + ".f32 %d, %a;", f, [](float a) { return clamped<D>(std::floor(a)); });
  check1<D>("cvt.rpi." + type + ".f32 %d, %a;", f, [](float a) { return clamped<D>(std::ceil(a)); });
  check1<D>("cvt.rzi." + type + ".f64 %d, %a;", kDoubles, [](double a) { return clamped<D>(std::trunc(a)); });
}

TEST(PtxConvert, FloatToIntegerClampsAndNanIsZeroOrTheUpperBit) {
  check_to_integer<std::int8_t>("s8");
  check_to_integer<std::uint8_t>("u8");
  check_to_integer<std::int16_t>("s16");
  check_to_integer<std::uint16_t>("u16");
  check_to_integer<std::int32_t>("s32");
  check_to_integer<std::uint32_t>("u32");
  check_to_integer<std::int64_t>("s64");
  check_to_integer<std::uint64_t>("u64");
}

TEST(PtxConvert, IntegersExtendTruncateAndSaturate) {
  const std::vector<std::int32_t> v = {0, 1, -1, 127, 128, -128, -129, 255, 256, 32767, 65535, 65536, INT32_MAX, INT32_MIN};
  check1<std::int64_t>("cvt.s64.s32 %d, %a;", v, [](std::int32_t a) { return std::int64_t{a}; });
  check1<std::uint64_t>("cvt.u64.u32 %d, %a;", v, [](std::int32_t a) { return std::uint64_t{static_cast<std::uint32_t>(a)}; });
  check1<std::int32_t>("cvt.s32.s8 %d, %a;", v, [](std::int32_t a) { return std::int32_t{static_cast<std::int8_t>(a)}; });
  check1<std::uint32_t>("cvt.u32.u16 %d, %a;", v, [](std::int32_t a) { return std::uint32_t{static_cast<std::uint16_t>(a)}; });
  check1<std::int32_t>("cvt.s8.s32 %d, %a;", v, [](std::int32_t a) { return std::int32_t{static_cast<std::int8_t>(a)}; });
  check1<std::int32_t>("cvt.sat.s8.s32 %d, %a;", v, [](std::int32_t a) { return std::clamp(a, -128, 127); });
  check1<std::uint32_t>("cvt.sat.u8.s32 %d, %a;", v, [](std::int32_t a) { return static_cast<std::uint32_t>(std::clamp(a, 0, 255)); });
  check1<std::uint32_t>("cvt.sat.u32.s32 %d, %a;", v, [](std::int32_t a) { return static_cast<std::uint32_t>(std::max(a, 0)); });
}

TEST(PtxConvert, IntegersToFloatsRoundToNearest) {
  const std::vector<std::uint64_t> v = {
      0, 1, 16777217, 0xffffffff, 0xffffffffffffffff, 0x8000000000000001, 0x8000008000000001, 0x20000000000001};
  check1<float>("cvt.rn.f32.u64 %d, %a;", v, [](std::uint64_t a) { return static_cast<float>(a); });
  check1<float>("cvt.rn.f32.s64 %d, %a;", v, [](std::uint64_t a) { return static_cast<float>(static_cast<std::int64_t>(a)); });
  check1<double>("cvt.rn.f64.u64 %d, %a;", v, [](std::uint64_t a) { return static_cast<double>(a); });
  check1<float>("cvt.rn.f32.u32 %d, %a;", std::vector<std::uint32_t>{0, 16777217, 0xffffffff, 0x80000001},
                [](std::uint32_t a) { return static_cast<float>(a); });
  check1<float>("cvt.rn.f32.u8 %d, %a;", std::vector<std::uint16_t>{0, 255, 256, 0xfff7},
                [](std::uint16_t a) { return static_cast<float>(a & 255U); });
}

TEST(PtxConvert, FloatsToWholeFloatsAndOtherWidths) {
  check1<float>("cvt.rni.f32.f32 %d, %a;", kFloats, [](float a) { return canonical(std::nearbyint(a)); });
  check1<float>("cvt.rmi.f32.f32 %d, %a;", kFloats, [](float a) { return canonical(std::floor(a)); });
  check1<double>("cvt.rpi.f64.f64 %d, %a;", kDoubles, [](double a) { return std::ceil(a); });
  check1<float>("cvt.rn.f32.f64 %d, %a;", kDoubles, [](double a) { return static_cast<float>(a); });
  const std::vector<float> numbers = {0.0F, -0.0F, 0.1F, 1e-40F, Limits::infinity(), -3.4e38F};
  check1<double>("cvt.f64.f32 %d, %a;", numbers, [](float a) { return static_cast<double>(a); });
}

TEST(PtxConvert, HalvesAreExact) {
  // All finite halves survive the way there and back.
  for (std::uint32_t first = 0; first < 0x7c00; first += 1024) {
    std::vector<Half16> halves;
    for (std::uint32_t i = 0; i < 1024; ++i) {
      halves.push_back({static_cast<std::uint16_t>(first + i)});
    }
    const auto floats = evaluate<float>("cvt.f32.f16 %d, %a;", halves);
    const auto back = evaluate<Half16>("cvt.rn.f16.f32 %d, %a;", floats);
    for (std::uint32_t i = 0; i < 1024; ++i) {
      const std::uint32_t exponent = (first + i) >> 10U;
      const float wanted = exponent == 0 ? std::ldexp(static_cast<float>(first + i), -24)
                                         : std::ldexp(static_cast<float>(((first + i) & 1023U) | 1024U), static_cast<int>(exponent) - 25);
      ASSERT_EQ(floats[i], wanted);
      ASSERT_EQ(back[i].bits, first + i);
    }
  }
  // 1 + 2^-11 is half way between two halves and goes to the even one; 65520 is half way to infinity.
  const std::vector<float> edges = {1.0F + 0x1p-11F, 1.0F + 3 * 0x1p-11F, 65519.0F, 65520.0F, 0x1p-25F, 0x1.8p-25F, -1e9F};
  const auto nearest = evaluate<Half16>("cvt.rn.f16.f32 %d, %a;", edges);
  const auto truncated = evaluate<Half16>("cvt.rz.f16.f32 %d, %a;", edges);
  const std::vector<std::uint16_t> wanted_nearest = {0x3c00, 0x3c02, 0x7bff, 0x7c00, 0x0000, 0x0001, 0xfc00};
  const std::vector<std::uint16_t> wanted_truncated = {0x3c00, 0x3c01, 0x7bff, 0x7bff, 0x0000, 0x0000, 0xfbff};
  for (std::size_t i = 0; i < edges.size(); ++i) {
    EXPECT_EQ(nearest[i].bits, wanted_nearest[i]) << edges[i];
    EXPECT_EQ(truncated[i].bits, wanted_truncated[i]) << edges[i];
  }
}

}  // namespace
}  // namespace sublet::cpu
