// Frames that are refused before or while their bytes are taken apart.

#include <gtest/gtest.h>

#include "tests/common/wire/frames.hpp"
#include "tests/common/wire/samples.hpp"

namespace sublet::wire {
namespace {

const ByteVector kEmptyMap = from_hex_text("80");

ByteVector ping_frame() { return frame_of(Ping::kType, kEmptyMap); }

TEST(WireBadFrame, TheFrameTheseTestsSpoilIsGood) { EXPECT_EQ(refusal(ping_frame()), ErrorCode::ok); }

TEST(WireBadFrame, AFrameShorterThanTheHeaderIsNoMessage) {
  for (std::size_t size = 0; size < kHeaderBytes; ++size) {
    auto frame = ping_frame();
    frame.resize(size);
    EXPECT_EQ(refusal(frame), ErrorCode::bad_message) << size;
  }
}

TEST(WireBadFrame, OtherMagicIsNoMessage) {
  EXPECT_EQ(refusal(from_hex_text("474554202f20485454502f312e310d0a80")), ErrorCode::bad_message);
}

TEST(WireBadFrame, AnotherVersionByteIsAMismatch) {
  for (const int version : {0, 0x30, 0x32, 255}) {
    auto frame = ping_frame();
    frame[3] = static_cast<std::byte>(version);
    EXPECT_EQ(refusal(frame), ErrorCode::version_mismatch) << version;
  }
}

TEST(WireBadFrame, AMinorThatWasNotNegotiatedIsAMismatch) {
  auto frame = ping_frame();
  frame[6] = std::byte{kMinor + 1};
  EXPECT_EQ(refusal(frame), ErrorCode::version_mismatch);
}

TEST(WireBadFrame, FlagsAreRefused) {
  auto frame = ping_frame();
  frame[5] = std::byte{1};
  EXPECT_EQ(refusal(frame), ErrorCode::protocol_error);
}

TEST(WireBadFrame, ANumberThatIsNoMessageIsRefused) {
  for (const int type : {0, 31, 35, 63, 255}) {
    EXPECT_EQ(refusal(frame_of(static_cast<std::uint8_t>(type), kEmptyMap)), ErrorCode::protocol_error) << type;
  }
}

TEST(WireBadFrame, APayloadWhereNoneBelongsIsRefused) {
  for (const auto& sample : samples()) {
    if (sample.payload_bytes) continue;
    ByteVector frame;
    encode(77, sample.message, frame);
    EXPECT_EQ(refusal(frame, 0), ErrorCode::protocol_error);
  }
}

TEST(WireBadFrame, AMissingPayloadIsRefused) {
  for (const auto& sample : samples()) {
    if (!sample.payload_bytes) continue;
    ByteVector frame;
    encode(77, sample.message, frame);
    EXPECT_EQ(refusal(frame), ErrorCode::protocol_error);
  }
}

TEST(WireBadFrame, TheRefusalCarriesTheRequestId) {
  const auto decoded = decode(frame_of(Cancel::kType, kEmptyMap, 4711), std::nullopt);
  ASSERT_FALSE(decoded);
  EXPECT_EQ(decoded.error().request, 4711U);
}

TEST(WireBadFrame, ARefusedHeaderOfAnotherVersionHasNoRequestId) {
  auto frame = ping_frame();
  frame[3] = std::byte{'2'};
  EXPECT_EQ(decode(frame, std::nullopt).error().request, 0U);
}

TEST(WireBadFrame, ABodyOverTheLimitIsTooLarge) {
  auto frame = ping_frame();
  frame.resize(kHeaderBytes + Limits{}.max_body_bytes + 1);
  EXPECT_EQ(refusal(frame), ErrorCode::message_too_large);
}

TEST(WireBadFrame, APayloadOverTheLimitIsTooLarge) {
  ByteVector frame;
  encode(77, sample_of<Open>(), frame);
  EXPECT_EQ(refusal(frame, Limits{}.max_payload_bytes + 1), ErrorCode::message_too_large);
}

TEST(WireBadBody, AnEmptyBodyIsNoMessage) { EXPECT_EQ(refusal(frame_of(Ping::kType, {})), ErrorCode::bad_message); }

TEST(WireBadBody, EveryMessageCutShortIsNoMessage) {
  for (const auto& sample : samples()) {
    ByteVector frame;
    encode(77, sample.message, frame);
    for (std::size_t size = kHeaderBytes; size < frame.size(); ++size) {
      EXPECT_EQ(refusal(ByteVector(frame.begin(), frame.begin() + static_cast<std::ptrdiff_t>(size)), sample.payload_bytes),
                ErrorCode::bad_message);
    }
  }
}

TEST(WireBadBody, BytesAfterTheBodyAreRefused) {
  EXPECT_EQ(refusal(frame_of(Ping::kType, from_hex_text("80 00"))), ErrorCode::bad_message);
  EXPECT_EQ(refusal(frame_of(Ping::kType, from_hex_text("80 80"))), ErrorCode::bad_message);
}

TEST(WireBadBody, AByteThatIsNoMessagePackIsRefused) {
  EXPECT_EQ(refusal(frame_of(Ping::kType, from_hex_text("c1"))), ErrorCode::bad_message);
}

TEST(WireBadBody, AnnouncingMoreThanTheBodyHoldsIsRefused) {
  EXPECT_EQ(refusal(frame_of(Renew::kType, from_hex_text("81 a6 6c6561736573 dd ffffffff"))), ErrorCode::bad_message);
  EXPECT_EQ(refusal(frame_of(Renew::kType, from_hex_text("df ffffffff"))), ErrorCode::bad_message);
  EXPECT_EQ(refusal(frame_of(Renew::kType, from_hex_text("81 a6 6c6561736573 c6 ffffffff"))), ErrorCode::bad_message);
  EXPECT_EQ(refusal(frame_of(Renew::kType, from_hex_text("db ffffffff 41"))), ErrorCode::bad_message);
}

TEST(WireBadBody, AMillionNestedArraysAreTooDeep) {
  EXPECT_EQ(refusal(frame_of(Ping::kType, ByteVector(1'000'000, std::byte{0x91}))), ErrorCode::too_deep);
  EXPECT_EQ(refusal(frame_of(Ping::kType, ByteVector(1'000'000, std::byte{0x81}))), ErrorCode::too_deep);
}

TEST(WireBadBody, MoreValuesThanTheLimitAreTooMany) {
  const auto body = body_of([](MsgpackWriter& writer) {
    constexpr std::size_t kLists = 8;
    writer.array(kLists);
    for (std::size_t list = 0; list < kLists; ++list) {
      writer.array(Limits{}.max_list);
      for (std::size_t i = 0; i < Limits{}.max_list; ++i) writer.integer(1);
    }
  });
  EXPECT_EQ(refusal(frame_of(Ping::kType, body)), ErrorCode::too_many_objects);
}

TEST(WireBadBody, OneListOverTheLimitIsTooMany) {
  const auto body = body_of([](MsgpackWriter& writer) {
    writer.array(Limits{}.max_list + 1);
    for (std::size_t i = 0; i <= Limits{}.max_list; ++i) writer.integer(1);
  });
  EXPECT_EQ(refusal(frame_of(Ping::kType, body)), ErrorCode::too_many_objects);
}

TEST(WireBadBody, ABodyThatIsNoMapIsOfTheWrongType) {
  for (const auto* hex : {"90", "01", "c0", "c3", "a0", "cb0000000000000000", "d40100"}) {
    EXPECT_EQ(refusal(frame_of(Ping::kType, from_hex_text(hex))), ErrorCode::bad_type) << hex;
  }
}

}  // namespace
}  // namespace sublet::wire
