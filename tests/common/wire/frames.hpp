#pragma once

// Frames as a hostile or mistaken peer would write them: a right header and any body.

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "common/bytes.hpp"
#include "common/wire/codec.hpp"
#include "common/wire/msgpack_writer.hpp"

namespace sublet::wire {

using ByteVector = std::vector<std::byte>;

/// "82 a1 61 01" or "82a16101"; whatever is no hex digit is skipped.
ByteVector from_hex_text(std::string_view hex);
std::string to_hex_text(ByteView bytes);

ByteVector frame_of(std::uint8_t type, const ByteVector& body, std::uint64_t request = 77);

/// What `write` puts into a MsgpackWriter.
template <class Write>
ByteVector body_of(Write&& write) {
  ByteVector body;
  MsgpackWriter writer(body);
  write(writer);
  return body;
}

/// The error of a frame that must be refused under request 77; `ok` when it was not.
ErrorCode refusal(const ByteVector& frame, std::optional<std::size_t> payload_bytes = std::nullopt);
/// Its text.
std::string refusal_detail(const ByteVector& frame, std::optional<std::size_t> payload_bytes = std::nullopt);

}  // namespace sublet::wire
