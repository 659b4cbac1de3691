#pragma once

#include <cstdint>
#include <string>

#include "common/bytes.hpp"
#include "common/error.hpp"

namespace sublet::broker {

/// How large bytes are stored. What is read may be in any way, whatever is asked for now.
enum class Compression : std::uint8_t {
  none,
  lz4,  ///< where it saves an eighth, as a look at their beginning promises
};

/// Bytes as they are stored: `tag`, then `bytes`.
struct Packed {
  std::string tag;
  Blob bytes;
};

Packed pack(const Blob& bytes, Compression compression);

/// The bytes again. `bad_size` for anything that `pack` does not write, also where it would unfold to more than any message holds.
Result<Blob> unpack(const Blob& stored);

}  // namespace sublet::broker
