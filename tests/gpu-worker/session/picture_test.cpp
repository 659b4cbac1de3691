#include "gpu-worker/session/picture.hpp"

#include <algorithm>
#include <array>
#include <cmath>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "common/random.hpp"
#include "tests/common/pipeline/example.hpp"

namespace sublet::session {
namespace {

using test::refusal;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Pair;

constexpr std::size_t kPlenty = 1U << 20U;

HostCall call_of(ByteView data, std::span<const NamedValue> values = {}, std::size_t room = kPlenty) {
  return {.data = data, .values = values, .room = room, .time_limit = 1s};
}

/// A slope in each colour, as photographs have; noise would not survive a JPEG.
std::vector<std::byte> slope(std::size_t width, std::size_t height) {
  std::vector<std::byte> pixels;
  for (std::size_t y = 0; y < height; ++y) {
    for (std::size_t x = 0; x < width; ++x) {
      for (const std::size_t value : {x * 255 / width, y * 255 / height, (x + y) * 127 / (width + height)}) {
        pixels.push_back(static_cast<std::byte>(value));
      }
    }
  }
  return pixels;
}

std::vector<std::byte> file_of(ByteView pixels, std::uint64_t width, std::uint64_t height, std::uint64_t format) {
  const std::array<NamedValue, 3> values = {{{"width", width}, {"height", height}, {"format", format}}};
  auto file = encode_picture(call_of(pixels, values));
  if (!file) throw std::runtime_error(to_text(file.error()));
  return std::move(file->data);
}

TEST(Picture, ComesBackFromAPngAsItWas) {
  SeededRandom random(1);
  std::vector<std::byte> pixels(std::size_t{37} * 19 * 3);
  for (auto& each : pixels) each = static_cast<std::byte>(random.next());
  const auto decoded = decode_picture(call_of(file_of(pixels, 37, 19, 1)));
  ASSERT_TRUE(decoded) << to_text(decoded.error());
  EXPECT_EQ(decoded->data, pixels);
  EXPECT_THAT(decoded->values, ElementsAre(Pair("width", 37), Pair("height", 19), Pair("format", 1)));
}

TEST(Picture, ComesBackFromAJpegNearly) {
  const auto pixels = slope(64, 48);
  const auto decoded = decode_picture(call_of(file_of(pixels, 64, 48, 2)));
  ASSERT_TRUE(decoded) << to_text(decoded.error());
  EXPECT_THAT(decoded->values, ElementsAre(Pair("width", 64), Pair("height", 48), Pair("format", 2)));
  ASSERT_EQ(decoded->data.size(), pixels.size());
  for (std::size_t i = 0; i < pixels.size(); ++i) {
    ASSERT_NEAR(std::to_integer<int>(decoded->data[i]), std::to_integer<int>(pixels[i]), 12) << i;
  }
}

TEST(Picture, ThatIsBrokenIsRefused) {
  const auto refused = [](ByteView data) { return refusal(decode_picture(call_of(data)), ErrorCode::host_stage_failed); };
  EXPECT_THAT(refused({}), HasSubstr("neither a PNG nor a JPEG"));
  EXPECT_THAT(refused(as_view(std::string_view("GIF89a"))), HasSubstr("neither a PNG nor a JPEG"));
  for (const std::uint64_t format : {1, 2}) {
    auto file = file_of(slope(32, 32), 32, 32, format);
    EXPECT_THAT(refused(ByteView(file).first(20)), HasSubstr("that can be read")) << format;
  }
}

TEST(Picture, TakesAnyBytesWithoutHarm) {
  SeededRandom random(2);
  for (const std::uint64_t format : {1, 2}) {
    const auto right = file_of(slope(24, 16), 24, 16, format);
    for (int i = 0; i < 3000; ++i) {
      auto file = right;
      for (int change = 0; change < 3; ++change) file[4 + random.next() % (file.size() - 4)] = static_cast<std::byte>(random.next());
      const auto decoded = decode_picture(call_of(file));
      ASSERT_TRUE(!decoded || decoded->data.size() <= kPlenty);
    }
  }
}

TEST(Picture, LargerThanItsRoomIsSeenBeforeItIsDecoded) {
  for (const std::uint64_t format : {1, 2}) {
    const auto file = file_of(slope(64, 64), 64, 64, format);
    EXPECT_THAT(refusal(decode_picture(call_of(file, {}, 64 * 64 * 3 - 1)), ErrorCode::output_too_large),
                HasSubstr("a picture of 64 x 64 has 12288 bytes, and its buffer 12287"));
  }
  const std::array<NamedValue, 2> values = {{{"width", 64}, {"height", 64}}};
  EXPECT_THAT(refusal(encode_picture(call_of(slope(64, 64), values, 100)), ErrorCode::output_too_large), HasSubstr("and its buffer 100"));
}

TEST(Picture, IsAsLargeAsTheStageSays) {
  const auto pixels = slope(8, 8);
  const auto refused = [&](std::vector<NamedValue> values) {
    return refusal(encode_picture(call_of(pixels, values)), ErrorCode::host_stage_failed);
  };
  EXPECT_THAT(refused({}), HasSubstr("does not say how large"));
  EXPECT_THAT(refused({{"width", 8}, {"height", 9}}), HasSubstr("192 bytes are no picture of 8 x 9"));
  EXPECT_THAT(refused({{"width", 0}, {"height", 8}}), HasSubstr("no picture"));
  EXPECT_THAT(refused({{"width", 8}, {"height", 8}, {"format", 3}}), HasSubstr("a format of 3"));
  EXPECT_THAT(refused({{"width", 8}, {"height", 8}, {"format", 2}, {"quality", 101}}), HasSubstr("a quality of 101"));
}

}  // namespace
}  // namespace sublet::session
