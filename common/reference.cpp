#include "common/reference.hpp"

#include <bit>
#include <cstring>

#include <fmt/format.h>

namespace sublet {

static_assert(std::endian::native == std::endian::little, "a reference is copied as it stands in memory");

using Words = std::array<std::uint64_t, Reference::kBytes / sizeof(std::uint64_t)>;

std::array<std::byte, Reference::kBytes> encode(const Reference& reference) {
  const Words words{reference.segment.high, reference.segment.low, reference.place, reference.length};
  std::array<std::byte, Reference::kBytes> bytes{};
  std::memcpy(bytes.data(), words.data(), bytes.size());
  return bytes;
}

Result<Reference> decode_reference(ByteView bytes) {
  if (bytes.size() != Reference::kBytes) {
    return fail(ErrorCode::bad_size, fmt::format("{} bytes where a reference of {} is due; submit to a job by reference through the client "
                                                 "library",
                                                 bytes.size(), Reference::kBytes));
  }
  Words words{};
  std::memcpy(words.data(), bytes.data(), bytes.size());
  return Reference{.segment = {.high = words[0], .low = words[1]}, .place = words[2], .length = words[3]};
}

}  // namespace sublet
