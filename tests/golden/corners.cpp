#include "tests/golden/corners.hpp"

#include <bit>
#include <cmath>

namespace sublet::golden {
namespace {

using Values = std::vector<std::uint64_t>;

/// Of an integer of `bits` bits.
Values integer_corners(unsigned bits) {
  const std::uint64_t least = 1ULL << (bits - 1);
  Values made = {0, 1, ~0ULL, least, least - 1, 2, ~1ULL, 0x5555'5555'5555'5555U, 31, 32, 0x8000'0000'8000'8080U, 3, 16};
  for (const unsigned bit : {7U, 8U, 15U, 16U, 24U, 31U, 32U, 53U, 63U}) {
    const std::uint64_t power = 1ULL << bit;
    made.insert(made.end(), {power, power - 1, 0 - power, ~power});
  }
  made.insert(made.end(),
              {0x1'0000'0001U, 0x100'0001U, 0x20'0000'0000'0001U, 10, 100, 1'000'000'007, 0x0123'4567'89ab'cdefU, 0x4000'0000'4000'4040U});
  return made;
}

// clang-format off

// Among the foremost floats are both zeroes, two different NaN, and pairs whose product or quotient lies just below the least normal number and
// rounds to it.

Values double_corners() {
  Values made = {
      0x8000'0000'0000'0000U, 0x3fef'ffff'ffff'fffeU, 0x7ff0'0000'0000'0000U, 0x7ff8'0000'0000'0000U, 0x0010'0000'0000'0001U, 0x0000'0000'0000'0000U,
      0x4000'0000'0000'0000U, 0x8010'0000'0000'0000U, 0x0000'0000'0000'0001U, 0x7fef'ffff'ffff'ffffU, 0xfff8'1234'5678'9abcU, 0x3fef'ffff'ffff'ffffU,
      0x001f'ffff'ffff'ffffU, 0x3ff0'0000'0000'0000U, 0xbff0'0000'0000'0000U, 0xfff0'0000'0000'0000U, 0x000f'ffff'ffff'ffffU, 0x0010'0000'0000'0000U,
      0x3fe0'0000'0000'0000U, 0x7ff0'0000'0000'0001U, 0x8000'0000'0000'0001U, 0xffef'ffff'ffff'ffffU, 0x3ff0'0000'0000'0001U, 0x7ff8'0000'2000'0000U};
  for (const double each : {
           0x1.000001p0, 0x1.000003p0, 0x1.0020p0, 0x1.01p0, 0x1p-126, 0x1.fffffep-127, 0x1.ffffffp-127, 0x1p-149, 0x1.8p-150, 0x1.fffffefp127,
           0x1.ffffffp127, 65519.9, 65520.0, 0x1p-25, 0x1.8p-25, 0x1p-14, 0x1.ffcp-15, 3.0, 0.1, 1.5, 2.5, 3.5, -0.5, -2.5, 127.5, 128.0, 255.5, 256.0,
           -128.5, -129.0, 32767.5, 32768.0, 65535.5, 65536.0, 2147483647.0, 2147483647.5, 2147483648.0, -2147483648.5, -2147483649.0, 4294967295.5,
           4294967296.0, 0x1p63, 0x1.fffffffffffffp62, 0x1p64, 0x1.fffffffffffffp63, -0x1p63, -0x1.0000000000001p63, 0x1p52, 0x1.0000000000001p52,
           4503599627370495.5}) {
    made.push_back(std::bit_cast<std::uint64_t>(each));
  }
  return made;
}

Values float_corners() {
  Values made = {
      0x8000'0000U, 0x3f7f'fffeU, 0x7f80'0000U, 0x7fc0'0000U, 0x0080'0001U, 0x0000'0000U, 0x4000'0000U, 0x8080'0000U, 0x0000'0001U, 0x7f7f'ffffU,
      0xffc1'2345U, 0x3f7f'ffffU, 0x00ff'ffffU, 0x3f80'0000U, 0xbf80'0000U, 0xff80'0000U, 0x007f'ffffU, 0x0080'0000U, 0x3f00'0000U, 0x7f80'0001U,
      0x8000'0001U, 0x807f'ffffU, 0xff7f'ffffU, 0x3f80'0001U, 0x7e80'0000U, 0x7f00'0000U, 0x0040'0000U, 0x3f80'1000U, 0x3f80'8000U};
  for (const float each : {
           3.0F, 0.1F, 1.5F, 2.5F, 3.5F, -0.5F, -2.5F, 127.5F, 128.0F, 255.5F, 256.0F, -128.5F, -129.0F, 32767.5F, 32768.0F, 65535.5F, 65536.0F,
           0x1.fffffep30F, 0x1p31F, -0x1p31F, -0x1.000002p31F, 0x1.fffffep31F, 0x1p32F, 0x1p63F, 0x1.fffffep62F, -0x1p63F, 0x1p64F, 8388607.5F,
           16777215.0F, 65519.0F, 65520.0F, 0x1p-25F, 0x1.8p-25F, 0x1p-14F, 0x1p-24F, 0x1p-30F, 88.0F, -126.5F, -149.0F}) {
    made.push_back(std::bit_cast<std::uint32_t>(each));
  }
  return made;
}

Values half_corners() {
  return {0x8000, 0x3bfe, 0x7c00, 0x7e00, 0x0401, 0x0000, 0x4000, 0x8400, 0x0001, 0x7bff, 0xfe12, 0x3bff, 0x07ff, 0x3c00, 0xbc00, 0xfc00,
          0x03ff, 0x0400, 0x3800, 0x7c01, 0x8001, 0x83ff, 0xfbff, 0x3c01, 0x4200, 0x3e00, 0x4100, 0x4300, 0xb800, 0xc100, 0x57f8, 0x5800,
          0x5bfc, 0x5c00, 0xd804, 0xd808, 0x77ff, 0x7800, 0x0200, 0x1400, 0x2e66, 0x6400, 0x63ff, 0x4900, 0xcb00};
}

// clang-format on

Values brain_half_corners() {
  Values made = float_corners();
  for (std::uint64_t& each : made) each >>= 16U;
  return made;
}

}  // namespace

std::vector<std::uint64_t> corners_of(std::string_view type, unsigned bytes) {
  if (type == "pred") return {0, 1};
  if (type == "shift") return {0, 1, 31, 32, 33, 7, 8, 15, 16, 17, 63, 64, 65, 255, 256, 0x8000'0000U, ~0U};
  if (type == "field") return {0, 1, 8, 32, 255, 31, 33, 63, 64, 65, 16, 24, 5, 256, 257, 0x8000'0001U, ~0U};
  if (type == "lane") return {0, 1, 2, 3, 4, 7, 8, 15, 16, 17, 30, 31};
  if (type == "turn" || type == "turns") return {0, 0x8000'0000U, 0x3f80'0000U, 0x7f80'0000U, 0x7fc0'0000U, 0xff80'0000U, 1, 0x0080'0000U};
  if (type == "f16") return half_corners();
  if (type == "bf16") return brain_half_corners();
  if (type == "f32") return float_corners();
  if (type == "f64") return double_corners();
  return integer_corners(type == "u8" || type == "s8" ? 8 : bytes * 8);
}

}  // namespace sublet::golden
