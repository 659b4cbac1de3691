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

using ByteVector = std::vector<std::byte>;

ByteVector bytes_of(std::string_view text) {
  const auto view = as_view(text);
  return {view.begin(), view.end()};
}

void put(ByteVector& to, std::uint32_t value, std::size_t size, bool big_endian) {
  for (std::size_t i = 0; i < size; ++i) {
    to.push_back(static_cast<std::byte>(value >> 8U * (big_endian ? size - 1 - i : i)));
  }
}

struct Exif {
  std::uint32_t orientation = 1;
  bool big_endian = false;
  std::uint32_t tag = 0x0112;
  std::uint32_t type = 3;
  std::uint32_t count = 1;
  std::uint32_t directory = 8;
  std::uint32_t entries = 2;
};

/// A TIFF header and a directory of two entries, the second of which is the orientation's.
ByteVector exif_of(const Exif& exif) {
  ByteVector data = bytes_of(exif.big_endian ? std::string_view("MM\0*", 4) : std::string_view("II*\0", 4));
  const auto add = [&](std::uint32_t value, std::size_t size) { put(data, value, size, exif.big_endian); };
  add(exif.directory, 4);
  add(exif.entries, 2);
  for (const std::uint32_t value : {0x010fU, exif.tag}) {
    add(value, 2);
    add(exif.type, 2);
    add(exif.count, 4);
    add(exif.orientation, 2);
    add(0, 2);
  }
  add(0, 4);
  return data;
}

ByteVector with_exif_in_jpeg(ByteVector file, const ByteVector& exif) {
  ByteVector marker = {std::byte{0xff}, std::byte{0xe1}};
  put(marker, static_cast<std::uint32_t>(exif.size() + 8), 2, true);
  const auto mark = bytes_of(std::string_view("Exif\0\0", 6));
  marker.insert(marker.end(), mark.begin(), mark.end());
  marker.insert(marker.end(), exif.begin(), exif.end());
  file.insert(file.begin() + 2, marker.begin(), marker.end());
  return file;
}

/// CRC-32, as PNG has it behind each chunk.
std::uint32_t checksum(ByteView bytes) {
  std::uint32_t sum = ~0U;
  for (const std::byte each : bytes) {
    sum ^= std::to_integer<std::uint32_t>(each);
    for (int bit = 0; bit < 8; ++bit) sum = sum >> 1U ^ ((sum & 1U) != 0 ? 0xedb88320U : 0U);
  }
  return ~sum;
}

ByteVector with_exif_in_png(ByteVector file, const ByteVector& exif) {
  ByteVector chunk;
  put(chunk, static_cast<std::uint32_t>(exif.size()), 4, true);
  const auto type = bytes_of("eXIf");
  chunk.insert(chunk.end(), type.begin(), type.end());
  chunk.insert(chunk.end(), exif.begin(), exif.end());
  put(chunk, checksum(ByteView(chunk).subspan(4)), 4, true);
  constexpr std::ptrdiff_t kBehindHeader = 8 + 25;
  file.insert(file.begin() + kBehindHeader, chunk.begin(), chunk.end());
  return file;
}

/// A letter for each pixel of a picture that looks different from all sides.
std::vector<std::byte> letters(std::string_view text) {
  std::vector<std::byte> pixels;
  for (const char letter : text) pixels.insert(pixels.end(), 3, static_cast<std::byte>(letter));
  return pixels;
}

std::string text_of(const HostResult& picture) {
  std::string text;
  for (std::size_t i = 0; i < picture.data.size(); i += 3) text += static_cast<char>(picture.data[i]);
  return text;
}

TEST(Picture, OfACameraThatWasTurnedComesOutUpright) {
  // As it is stored: abc / def. As EXIF's table has it, 6 is turned right and 8 left to be upright.
  const std::array<std::string_view, 8> upright = {"abcdef", "cbafed", "fedcba", "defabc", "adbecf", "daebfc", "fcebda", "cfbead"};
  const auto file = file_of(letters("abcdef"), 3, 2, 1);
  for (std::uint32_t orientation = 1; orientation <= 8; ++orientation) {
    for (const bool big_endian : {false, true}) {
      const auto decoded = decode_picture(call_of(with_exif_in_png(file, exif_of({.orientation = orientation, .big_endian = big_endian}))));
      ASSERT_TRUE(decoded) << to_text(decoded.error());
      EXPECT_EQ(text_of(*decoded), upright[orientation - 1]) << orientation;
      const bool on_its_side = orientation >= 5;
      EXPECT_THAT(decoded->values, ElementsAre(Pair("width", on_its_side ? 2 : 3), Pair("height", on_its_side ? 3 : 2), Pair("format", 1)));
    }
  }
}

TEST(Picture, OfAJpegIsTurnedAsThatOfAPng) {
  // Quarters of 16 x 16, which JPEG keeps apart, in a picture that is twice as wide as high.
  std::vector<std::byte> pixels;
  for (std::size_t y = 0; y < 16; ++y) {
    for (std::size_t x = 0; x < 32; ++x) pixels.insert(pixels.end(), 3, std::byte{static_cast<unsigned char>(x < 16 ? 40 : 200)});
  }
  const auto file = file_of(pixels, 32, 16, 2);
  const auto gray_at = [](const HostResult& picture, std::size_t width, std::size_t x, std::size_t y) {
    return std::to_integer<int>(picture.data[(y * width + x) * 3]);
  };
  for (std::uint32_t orientation = 1; orientation <= 8; ++orientation) {
    const auto decoded = decode_picture(call_of(with_exif_in_jpeg(file, exif_of({.orientation = orientation}))));
    ASSERT_TRUE(decoded) << to_text(decoded.error());
    const bool on_its_side = orientation >= 5;
    const std::size_t width = on_its_side ? 16 : 32;
    EXPECT_THAT(decoded->values, ElementsAre(Pair("width", width), Pair("height", on_its_side ? 32 : 16), Pair("format", 2)));
    const bool dark_end_first = orientation == 1 || orientation == 4 || orientation == 5 || orientation == 6;
    const int first = gray_at(*decoded, width, 4, 4);
    const int last = on_its_side ? gray_at(*decoded, width, 4, 28) : gray_at(*decoded, width, 28, 4);
    EXPECT_NEAR(dark_end_first ? first : last, 40, 6) << orientation;
    EXPECT_NEAR(dark_end_first ? last : first, 200, 6) << orientation;
  }
}

TEST(Picture, WhoseExifMakesNoSenseIsAsItIsStored) {
  const auto file = file_of(letters("abcdef"), 3, 2, 1);
  const auto stays = [&](ByteVector exif) {
    const auto decoded = decode_picture(call_of(with_exif_in_png(file, exif)));
    return decoded && text_of(*decoded) == "abcdef";
  };
  for (const Exif& exif : {Exif{.orientation = 0},
                           {.orientation = 9},
                           {.orientation = 6, .tag = 0x0113},
                           {.orientation = 6, .type = 4},
                           {.orientation = 6, .count = 2},
                           {.orientation = 6, .directory = 0xfffffff0},
                           {.orientation = 6, .directory = 2000},
                           {.orientation = 6, .entries = 1}}) {
    EXPECT_TRUE(stays(exif_of(exif)));
  }
  const auto right = exif_of({.orientation = 6});
  EXPECT_FALSE(stays(right));
  EXPECT_FALSE(stays(exif_of({.orientation = 6, .entries = 0xffff}))) << "what is there is read";
  for (std::size_t bytes = 0; bytes < 8 + 2 + 12 + 10; ++bytes)
    EXPECT_TRUE(stays(ByteVector(right.begin(), right.begin() + static_cast<std::ptrdiff_t>(bytes)))) << bytes;
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
    const auto plain = file_of(slope(24, 16), 24, 16, format);
    const auto exif = exif_of({.orientation = 6});
    const auto turned = format == 1 ? with_exif_in_png(plain, exif) : with_exif_in_jpeg(plain, exif);
    for (int i = 0; i < 6000; ++i) {
      auto file = i % 2 == 0 ? plain : turned;
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
