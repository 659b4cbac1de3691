#pragma once

// SUB/1 on the wire: header and MessagePack body are ONE frame; a message that carries a payload has exactly one more frame, handled by the
// caller and never copied here. docs/protocol.md is the page for other languages.

#include <cstddef>
#include <cstdint>
#include <expected>
#include <optional>
#include <string_view>
#include <vector>

#include "common/bytes.hpp"
#include "common/error.hpp"
#include "common/wire/messages.hpp"

namespace sublet::wire {

/// "SUB1", type u8, flags u8 (always 0), minor u16, request u64; little-endian.
inline constexpr std::size_t kHeaderBytes = 16;

/// The highest minor version this build speaks, and the one it writes.
inline constexpr std::uint16_t kMinor = 0;

struct Header {
  std::uint8_t type = 0;
  std::uint8_t flags = 0;
  std::uint16_t minor = 0;
  /// Chosen by whoever asks, repeated in every answer; 0 where nothing was asked.
  std::uint64_t request = 0;

  bool operator==(const Header&) const = default;
};

/// What a received message may take at most. The error is `message_too_large`, `too_deep`, `too_many_objects` or, for texts, `bad_name`.
struct Limits {
  std::size_t max_body_bytes = std::size_t{2} << 20U;
  std::size_t max_payload_bytes = std::size_t{64} << 20U;
  /// Maps and arrays inside each other.
  std::uint32_t max_depth = 8;
  /// Values in the whole body: every map, array, key and scalar counts.
  std::uint32_t max_objects = 65'536;
  /// Elements of one array, pairs of one map.
  std::uint32_t max_list = 16'384;
  /// Bytes of a free text, such as an error's detail. Names have less; see text.hpp.
  std::uint32_t max_text = 65'536;
};

/// Bytes that the free texts inside one list may have together when written.
inline constexpr std::size_t kListedProseBytes = std::size_t{512} << 10U;
/// Chunk details written into one message.
inline constexpr std::size_t kMaxDetails = 2048;

struct Decoded {
  Header header;
  Message message;
};

struct DecodeFailure {
  Error error;
  /// Of the refused message, so that an ERROR can answer it; 0 when the header could not be read.
  std::uint64_t request = 0;
};

/// Appends header and body, as one frame, to `out`. Free texts (`detail`, `error_detail`) never make a message that its receiver refuses:
/// they are cleaned of what is not UTF-8, cut to `Limits::max_text`, those inside one list to `kListedProseBytes` together, and only the
/// first `kMaxDetails` chunk details are written. Every other field is written as it is, and refused by the receiver when it may not be so.
void encode(std::uint64_t request, const Message& message, std::vector<std::byte>& out);

/// Reads any bytes: a message, or why they are none. What is returned holds copies; `frame` may go.
/// @param payload_bytes  size of the payload frame; nothing when none came
std::expected<Decoded, DecodeFailure> decode(ByteView frame, std::optional<std::size_t> payload_bytes, const Limits& limits = {});

/// Whether a message of this type comes with a payload frame, always exactly one (it may be empty): OPEN, SUBMIT, RUN, SETTLE, OUTPUT,
/// BUNDLE, REPLAY, PAYLOAD.
bool carries_payload(std::uint8_t type);

/// "SUBMIT"; empty for a number that is no message.
std::string_view name_of(std::uint8_t type);

/// The number on the wire of the message that is held.
std::uint8_t type_of(const Message& message);

}  // namespace sublet::wire
