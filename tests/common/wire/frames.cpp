#include "tests/common/wire/frames.hpp"

#include <cctype>

#include <fmt/format.h>

namespace sublet::wire {

ByteVector from_hex_text(std::string_view hex) {
  std::string digits;
  for (const char c : hex) {
    if (std::isxdigit(static_cast<unsigned char>(c)) != 0) digits += c;
  }
  ByteVector bytes;
  for (std::size_t i = 0; i + 1 < digits.size(); i += 2) {
    bytes.push_back(static_cast<std::byte>(std::stoul(digits.substr(i, 2), nullptr, 16)));
  }
  return bytes;
}

std::string to_hex_text(ByteView bytes) {
  std::string text;
  for (const auto byte : bytes) text += fmt::format("{:02x}", std::to_integer<unsigned>(byte));
  return text;
}

ByteVector frame_of(std::uint8_t type, const ByteVector& body, std::uint64_t request) {
  ByteVector frame = from_hex_text("53554231");
  frame.push_back(static_cast<std::byte>(type));
  frame.resize(frame.size() + 3);
  for (unsigned shift = 0; shift < 64; shift += 8) frame.push_back(static_cast<std::byte>(request >> shift));
  frame.insert(frame.end(), body.begin(), body.end());
  return frame;
}

ErrorCode refusal(const ByteVector& frame, std::optional<std::size_t> payload_bytes) {
  const auto decoded = decode(frame, payload_bytes);
  if (decoded) return ErrorCode::ok;
  return decoded.error().error.code;
}

std::string refusal_detail(const ByteVector& frame, std::optional<std::size_t> payload_bytes) {
  const auto decoded = decode(frame, payload_bytes);
  return decoded ? "" : decoded.error().error.detail;
}

}  // namespace sublet::wire
