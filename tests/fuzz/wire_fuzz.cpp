// Any bytes as a frame from the network, and as a bundle: a value or a typed error, and a value that is taken can be written and read
// again.

#include <cstdint>
#include <cstdlib>
#include <vector>

#include "common/wire/bundle.hpp"
#include "common/wire/codec.hpp"

namespace {

using namespace sublet;

void require(bool holds) {
  if (!holds) std::abort();
}

void check_frame(ByteView frame, std::optional<std::size_t> payload_bytes) {
  const auto decoded = wire::decode(frame, payload_bytes);
  if (!decoded) return require(decoded.error().error.code != ErrorCode::ok && decoded.error().error.code != ErrorCode::internal);
  std::vector<std::byte> written;
  wire::encode(decoded->header.request, decoded->message, written);
  const auto again = wire::decode(written, payload_bytes);
  require(again.has_value());
  // Compared as bytes, because a NaN is not equal to itself.
  std::vector<std::byte> rewritten;
  wire::encode(again->header.request, again->message, rewritten);
  require(written == rewritten);
}

void check_bundle(ByteView bytes) {
  const auto bundle = wire::decode_bundle(bytes);
  if (!bundle) return;
  const auto written = wire::encode_bundle(*bundle);
  const auto again = wire::decode_bundle(written);
  require(again.has_value() && wire::encode_bundle(*again) == written);
}

}  // namespace

/// The first byte is the payload's size, so that a small input can be a batch that fits; 255 stands for no payload frame.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  constexpr std::uint8_t kNoPayload = 255;
  const auto input = std::as_bytes(std::span(data, size)).subspan(1);
  check_frame(input, data[0] == kNoPayload ? std::nullopt : std::optional<std::size_t>(data[0]));
  check_bundle(input);
  return 0;
}
