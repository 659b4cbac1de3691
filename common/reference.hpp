#pragma once

#include <array>
#include <cstdint>

#include "common/bytes.hpp"
#include "common/error.hpp"
#include "common/ids.hpp"

namespace sublet {

/// Where a payload, or an output, of a job by reference lies: in a place of a segment, memory that the processes of one host share. It is
/// what travels instead, and what the broker keeps.
struct Reference {
  static constexpr std::size_t kBytes = 32;

  Token segment;
  std::uint64_t place = 0;   ///< among the segment's places for payloads, or for outputs
  std::uint64_t length = 0;  ///< in bytes

  bool operator==(const Reference&) const = default;
};

/// Little-endian: the segment's high and low word, place, length.
std::array<std::byte, Reference::kBytes> encode(const Reference& reference);
/// `bad_size` for anything but `kBytes` bytes.
Result<Reference> decode_reference(ByteView bytes);

}  // namespace sublet
