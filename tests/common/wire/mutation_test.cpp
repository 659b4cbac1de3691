// O8: any byte string decodes to a message or a typed error. Random bytes rarely get past the header, so most of these are messages with
// a few bytes changed, cut, doubled or exchanged.

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include "common/random.hpp"
#include "common/wire/bundle.hpp"
#include "tests/common/wire/frames.hpp"
#include "tests/common/wire/samples.hpp"

namespace sublet::wire {
namespace {

std::size_t below(Random& random, std::size_t bound) { return bound == 0 ? 0 : random.next() % bound; }

/// Bytes that begin a MessagePack value of every kind: they reach further into the reader than any byte would.
std::byte telling_byte(Random& random) {
  static constexpr std::uint8_t kLeads[] = {0x00, 0x7f, 0x80, 0x8f, 0x90, 0x9f, 0xa0, 0xbf, 0xc0, 0xc1, 0xc2, 0xc4, 0xc6, 0xc7, 0xca,
                                            0xcb, 0xcc, 0xcf, 0xd0, 0xd3, 0xd4, 0xd8, 0xd9, 0xdb, 0xdc, 0xdd, 0xde, 0xdf, 0xe0, 0xff};
  return static_cast<std::byte>(random.next() % 2 == 0 ? kLeads[below(random, std::size(kLeads))] : random.next());
}

void mutate(Random& random, ByteVector& bytes, std::size_t from) {
  const auto at = [&](std::size_t i) { return bytes.begin() + static_cast<std::ptrdiff_t>(i); };
  const auto place = from + below(random, bytes.size() - from);
  switch (random.next() % 4) {
    case 0:
      bytes[place] = telling_byte(random);
      break;
    case 1:
      bytes.insert(at(place), telling_byte(random));
      break;
    case 2:
      bytes.erase(at(place), at(place + below(random, std::min<std::size_t>(8, bytes.size() - place) + 1)));
      break;
    default: {
      const ByteVector piece(at(place), at(place + below(random, bytes.size() - place)));
      bytes.insert(at(from + below(random, bytes.size() - from)), piece.begin(), piece.end());
    }
  }
}

/// A message that was taken must be one that can be written, and read again as the same.
void expect_stable(const Decoded& decoded, std::optional<std::size_t> payload_bytes) {
  ByteVector first;
  encode(decoded.header.request, decoded.message, first);
  const auto again = decode(first, payload_bytes);
  RC_ASSERT(again.has_value());
  ByteVector second;
  encode(again->header.request, again->message, second);
  RC_ASSERT(first == second);
}

RC_GTEST_PROP(WireMutation, O8_AnyChangedMessageIsAMessageOrATypedError, (std::uint64_t seed)) {
  static const auto kSamples = samples();
  SeededRandom random(seed);
  for (int round = 0; round < 200; ++round) {
    const auto& sample = kSamples[below(random, kSamples.size())];
    ByteVector frame;
    encode(sample.request, sample.message, frame);
    const auto from = random.next() % 8 == 0 ? 0 : kHeaderBytes;
    for (auto changes = 1 + below(random, 4); changes > 0 && frame.size() > from; --changes) mutate(random, frame, from);
    const auto decoded = decode(frame, sample.payload_bytes);
    if (decoded) {
      expect_stable(*decoded, sample.payload_bytes);
    } else {
      RC_ASSERT(decoded.error().error.code != ErrorCode::internal);
      RC_ASSERT(!decoded.error().error.detail.empty());
    }
  }
}

RC_GTEST_PROP(WireMutation, O8_AnyBytesAfterAHeaderAreAMessageOrATypedError, (std::uint8_t type, const std::vector<std::uint8_t>& body)) {
  const auto bytes = std::as_bytes(std::span(body));
  const auto frame = frame_of(type, {bytes.begin(), bytes.end()});
  const auto payload = carries_payload(type) ? std::optional<std::size_t>(0) : std::nullopt;
  const auto decoded = decode(frame, payload);
  if (decoded) expect_stable(*decoded, payload);
}

RC_GTEST_PROP(WireMutation, AnyChangedBundleIsABundleOrATypedError, (std::uint64_t seed)) {
  SeededRandom random(seed);
  for (int round = 0; round < 50; ++round) {
    auto bytes = encode_bundle(sample_bundle());
    for (auto changes = 1 + below(random, 4); changes > 0 && !bytes.empty(); --changes) mutate(random, bytes, 0);
    const auto bundle = decode_bundle(bytes);
    if (!bundle) continue;
    const auto written = encode_bundle(*bundle);
    const auto again = decode_bundle(written);
    RC_ASSERT(again.has_value());
    RC_ASSERT(encode_bundle(*again) == written);
  }
}

}  // namespace
}  // namespace sublet::wire
