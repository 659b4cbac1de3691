#pragma once

#include <cstddef>
#include <cstdint>
#include <utility>
#include <vector>

#include "common/bytes.hpp"

namespace sublet::session {

/// How a camera was held, as EXIF's tag 0x0112 says it (CIPA DC-008, 4.6.4): 1 upright, 2 to 8 mirrored or turned.
enum class Orientation : std::uint8_t { upright = 1, last = 8 };

/// Of EXIF data, which are a TIFF header and its first directory; upright where they say nothing or make no sense.
Orientation orientation_of(ByteView exif);

/// Of the chunk `eXIf` of a PNG file; upright where it has none.
Orientation orientation_of_png(ByteView file);

/// Whether width and height change places.
constexpr bool lies_on_its_side(Orientation orientation) { return std::to_underlying(orientation) > 4; }

struct StoredSize {
  std::size_t width = 0;
  std::size_t height = 0;
};

/// The pixels of a picture, of three bytes each, as they are seen.
/// @param stored  the size before it is turned
std::vector<std::byte> turned_upright(std::vector<std::byte> pixels, StoredSize stored, Orientation orientation);

}  // namespace sublet::session
