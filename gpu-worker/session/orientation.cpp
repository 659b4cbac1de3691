#include "gpu-worker/session/orientation.hpp"

#include <algorithm>
#include <array>
#include <optional>
#include <string_view>

namespace sublet::session {
namespace {

constexpr std::size_t kChannelsOfPixel = 3;

/// Numbers at any place of some bytes; 0 beyond their end.
class Numbers {
 public:
  Numbers(ByteView bytes, bool big_endian) : bytes_(bytes), big_endian_(big_endian) {}

  [[nodiscard]] std::uint32_t at(std::size_t place, std::size_t size) const {
    if (place > bytes_.size() || size > bytes_.size() - place) {
      return 0;
    }
    std::uint32_t value = 0;
    for (std::size_t i = 0; i < size; ++i) {
      const auto byte = bytes_[place + (big_endian_ ? i : size - 1 - i)];
      value = value << 8U | std::to_integer<std::uint32_t>(byte);
    }
    return value;
  }

 private:
  ByteView bytes_;
  bool big_endian_;
};

std::optional<bool> is_big_endian(ByteView tiff) {
  const std::string_view mark = as_text(tiff.first(std::min<std::size_t>(tiff.size(), 4)));
  if (mark == std::string_view("MM\0*", 4)) {
    return true;
  }
  return mark == std::string_view("II*\0", 4) ? std::optional(false) : std::nullopt;
}

}  // namespace

Orientation orientation_of(ByteView exif) {
  constexpr std::uint32_t kTag = 0x0112;
  constexpr std::uint32_t kShort = 3;
  constexpr std::size_t kEntry = 12;
  const auto big_endian = is_big_endian(exif);
  if (!big_endian) {
    return Orientation::upright;
  }
  const Numbers numbers(exif, *big_endian);
  const std::size_t directory = numbers.at(4, 4);
  // What a directory claims to hold beyond the data's end is zeros, so the count alone bounds nothing that matters.
  const std::size_t entries = numbers.at(directory, 2);
  for (std::size_t i = 0; i < entries; ++i) {
    const std::size_t entry = directory + 2 + i * kEntry;
    if (numbers.at(entry, 2) != kTag) {
      continue;
    }
    const std::uint32_t value = numbers.at(entry + 8, 2);
    const bool makes_sense =
        numbers.at(entry + 2, 2) == kShort && numbers.at(entry + 4, 4) == 1 && value >= 1 && value <= std::to_underlying(Orientation::last);
    return makes_sense ? static_cast<Orientation>(value) : Orientation::upright;
  }
  return Orientation::upright;
}

Orientation orientation_of_png(ByteView file) {
  constexpr std::size_t kSignature = 8;
  constexpr std::size_t kAround = 12;  // length and type before a chunk's data, a checksum behind
  const Numbers numbers(file, true);
  for (std::size_t at = kSignature; at + kAround <= file.size();) {
    const std::size_t length = numbers.at(at, 4);
    if (length > file.size() - at - kAround) {
      break;
    }
    if (as_text(file.subspan(at + 4, 4)) == "eXIf") {
      return orientation_of(file.subspan(at + 8, length));
    }
    at += kAround + length;
  }
  return Orientation::upright;
}

std::vector<std::byte> turned_upright(std::vector<std::byte> pixels, StoredSize stored, Orientation orientation) {
  if (orientation == Orientation::upright) {
    return pixels;
  }
  const auto how = std::to_underlying(orientation);
  const bool on_its_side = lies_on_its_side(orientation);
  const bool from_right = how == 2 || how == 3 || how == 7 || how == 8;
  const bool from_bottom = how == 3 || how == 4 || how == 6 || how == 7;
  const std::size_t width = on_its_side ? stored.height : stored.width;
  const std::size_t height = on_its_side ? stored.width : stored.height;
  std::vector<std::byte> upright(pixels.size());
  auto* to = upright.data();
  for (std::size_t y = 0; y < height; ++y) {
    for (std::size_t x = 0; x < width; ++x) {
      const std::size_t column = on_its_side ? y : x;
      const std::size_t row = on_its_side ? x : y;
      const std::size_t from =
          (from_bottom ? stored.height - 1 - row : row) * stored.width + (from_right ? stored.width - 1 - column : column);
      to = std::copy_n(pixels.data() + from * kChannelsOfPixel, kChannelsOfPixel, to);
    }
  }
  return upright;
}

}  // namespace sublet::session
