#pragma once

#include <cstdint>
#include <string_view>

#include "common/bytes.hpp"
#include "common/error.hpp"

namespace sublet::image {

enum class ImageKind : std::uint8_t { ptx, cubin, fatbin, source };

/// Text without the zero bytes at its end, with which nvcc embeds PTX.
std::string_view text_of_image(ByteView image);

/// What a module's bytes are. The driver is told no length, so an ELF or a fatbin that says it is longer than its bytes is refused here:
/// `load_failed`.
Result<ImageKind> kind_of_image(ByteView image);

}  // namespace sublet::image
