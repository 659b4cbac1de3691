// Bodies that are MessagePack, and still not the message they claim to be.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/common/wire/frames.hpp"
#include "tests/common/wire/samples.hpp"

namespace sublet::wire {
namespace {

using testing::HasSubstr;

/// CREDIT with `bytes` written by `write`.
template <class Write>
ByteVector credit(Write&& write) {
  return frame_of(Credit::kType, body_of([&](MsgpackWriter& writer) {
                    writer.map(2);
                    writer.text("chunks");
                    writer.integer(1);
                    writer.text("bytes");
                    write(writer);
                  }));
}

ByteVector credit_hex(std::string_view hex) {
  auto frame = credit([](MsgpackWriter&) {});
  const auto value = from_hex_text(hex);
  frame.insert(frame.end(), value.begin(), value.end());
  return frame;
}

ByteVector pause(std::string_view queue) {
  ByteVector frame;
  encode(77, Pause{.queue = std::string(queue), .paused = true}, frame);
  return frame;
}

ByteVector hello(std::string_view name) {
  ByteVector frame;
  encode(
      77,
      Hello{
          .role = Role::producer, .plane = Plane::control, .minor = 0, .instance = 1, .name = std::string(name), .token = {}, .leases = {}},
      frame);
  return frame;
}

TEST(WireFields, MayComeInAnyOrder) {
  const auto body = body_of([](MsgpackWriter& writer) {
    writer.map(2);
    writer.text("bytes");
    writer.integer(2);
    writer.text("chunks");
    writer.integer(1);
  });
  const auto decoded = decode(frame_of(Credit::kType, body), std::nullopt);
  ASSERT_TRUE(decoded);
  EXPECT_EQ(decoded->message, Message(Credit{.chunks = 1, .bytes = 2}));
}

TEST(WireFields, AMissingOneIsNamedWithItsMessage) {
  const auto frame = frame_of(Credit::kType, from_hex_text("81 a6 6368756e6b73 01"));
  EXPECT_EQ(refusal(frame), ErrorCode::bad_message);
  EXPECT_THAT(refusal_detail(frame), HasSubstr("CREDIT: the field \"bytes\" is missing"));
}

TEST(WireFields, AnUnknownOneIsNamedWithThoseThatExist) {
  const auto frame = frame_of(Credit::kType, from_hex_text("81 a6 6368756e6b7a 01"));
  EXPECT_EQ(refusal(frame), ErrorCode::unknown_field);
  EXPECT_THAT(refusal_detail(frame), HasSubstr("no field \"chunkz\"; it has chunks, bytes"));
}

TEST(WireFields, AFieldTwiceIsRefused) {
  EXPECT_EQ(refusal(frame_of(Credit::kType, from_hex_text("82 a6 6368756e6b73 01 a6 6368756e6b73 01"))), ErrorCode::bad_message);
}

TEST(WireFields, AKeyThatIsNoStringIsOfTheWrongType) {
  EXPECT_EQ(refusal(frame_of(Credit::kType, from_hex_text("81 01 01"))), ErrorCode::bad_type);
}

TEST(WireFields, AnEmptyKeyIsUnknown) { EXPECT_EQ(refusal(frame_of(Credit::kType, from_hex_text("81 a0 01"))), ErrorCode::unknown_field); }

TEST(WireFields, AFloatIsNoSize) {
  EXPECT_EQ(refusal(credit_hex("cb 3ff0000000000000")), ErrorCode::bad_type);
  EXPECT_EQ(refusal(credit_hex("cb 7ff8000000000000")), ErrorCode::bad_type) << "NaN";
  EXPECT_EQ(refusal(credit_hex("ca 3f800000")), ErrorCode::bad_type);
}

TEST(WireFields, AnExtensionTypeIsNowhereRight) {
  EXPECT_EQ(refusal(credit_hex("d4 01 00")), ErrorCode::bad_type);
  EXPECT_EQ(refusal(credit_hex("c7 02 01 0000")), ErrorCode::bad_type);
}

TEST(WireFields, NilBooleanAndStringAreNoSize) {
  for (const auto* hex : {"c0", "c3", "a131", "c40101", "9101", "80"}) EXPECT_EQ(refusal(credit_hex(hex)), ErrorCode::bad_type) << hex;
}

TEST(WireFields, ANegativeSizeIsOutOfRange) {
  EXPECT_EQ(refusal(credit_hex("ff")), ErrorCode::out_of_range);
  EXPECT_EQ(refusal(credit_hex("d3 8000000000000000")), ErrorCode::out_of_range);
}

TEST(WireFields, APositiveNumberInASignedFormIsTaken) { EXPECT_EQ(refusal(credit_hex("d0 05")), ErrorCode::ok); }

TEST(WireFields, ANumberThatDoesNotFitItsFieldIsOutOfRange) {
  const auto watch = [](std::string_view interval) {
    return frame_of(Watch::kType, from_hex_text("83 a3 6a6f62 01 a6 666f6c6c6f77 c3 ab 696e74657276616c5f6d73" + std::string(interval)));
  };
  EXPECT_EQ(refusal(watch("ce ffffffff")), ErrorCode::ok);
  EXPECT_EQ(refusal(watch("cf 0000000100000000")), ErrorCode::out_of_range);
  EXPECT_THAT(refusal_detail(watch("cf 0000000100000000")), HasSubstr("WATCH.interval_ms: 4294967296 is more than 4294967295"));
}

TEST(WireFields, AnEnumeratorThatDoesNotExistIsOutOfRange) {
  EXPECT_EQ(refusal(frame_of(List::kType, from_hex_text("82 a4 77686174 03 a5 6c696d6974 01"))), ErrorCode::out_of_range);
}

TEST(WireFields, AnErrorNumberThatDoesNotExistIsOutOfRange) {
  EXPECT_EQ(refusal(frame_of(Settled::kType, from_hex_text("83 a5 6c65617365 01 a5 6772616e74 01 a4 636f6465 01"))),
            ErrorCode::out_of_range);
}

TEST(WireFields, AnErrorInsideAListNamesItsPlace) {
  auto frame = frame_of(Renew::kType, body_of([](MsgpackWriter& writer) {
                          writer.map(1);
                          writer.text("leases");
                          writer.array(1);
                          writer.map(1);
                          writer.text("grants");
                          writer.array(2);
                          writer.integer(1);
                          writer.boolean(true);
                        }));
  EXPECT_THAT(refusal_detail(frame), HasSubstr("RENEW.leases[0].grants[1]: a boolean stands where an integer belongs"));
}

TEST(WireFields, ATokenOrHashOfAnotherLengthIsABadSize) {
  EXPECT_EQ(refusal(frame_of(Get::kType, from_hex_text("81 a4 68617368 c4 02 0000"))), ErrorCode::bad_size);
}

TEST(WireFields, ADurationOfCenturiesIsOutOfRange) {
  auto open = sample_of<Open>();
  open.spec.open_timeout = std::chrono::years(100);
  ByteVector frame;
  encode(77, open, frame);
  EXPECT_EQ(refusal(frame, 0), ErrorCode::out_of_range);
}

TEST(WireNamesOfThings, AQueueIsAnIdentifier) {
  EXPECT_EQ(refusal(pause("Video-2.low_priority")), ErrorCode::ok);
  EXPECT_EQ(refusal(pause(std::string(64, 'q'))), ErrorCode::ok);
  const std::string_view nul("a\0b", 3);
  for (const auto bad : {std::string_view("\xff\xfe"), nul, std::string_view("../etc"), std::string_view("a\nb"), std::string_view(""),
                         std::string_view("."), std::string_view(".."), std::string_view("a b"), std::string_view("\xc3\xa9")}) {
    EXPECT_EQ(refusal(pause(bad)), ErrorCode::bad_name) << bad;
  }
  EXPECT_EQ(refusal(pause(std::string(65, 'q'))), ErrorCode::bad_name);
}

TEST(WireNamesOfThings, ANameForPeopleIsUtf8WithoutControlCharacters) {
  EXPECT_EQ(refusal(hello("")), ErrorCode::ok);
  EXPECT_EQ(refusal(hello("caf\xc3\xa9 \xe2\x82\xac \xf0\x9f\x8e\xac")), ErrorCode::ok);
  for (const auto* bad :
       {"a\nb", "\x1b[2J", "\x7f", "\xc2\x85", "\xc3", "\xc0\x80", "\xe0\x80\x80", "\xed\xa0\x80", "\xf4\x90\x80\x80", "\x80"}) {
    EXPECT_EQ(refusal(hello(bad)), ErrorCode::bad_name) << bad;
  }
  EXPECT_EQ(refusal(hello(std::string(1025, 'n'))), ErrorCode::bad_name);
}

TEST(WireNamesOfThings, ADetailMayHaveLinesButNoOtherControlCharacter) {
  const auto reply = [](std::string_view detail) {
    return frame_of(ErrorReply::kType, body_of([&](MsgpackWriter& writer) {
                      writer.map(4);
                      writer.text("code");
                      writer.integer(500);
                      writer.text("detail");
                      writer.text(detail);
                      writer.text("retry_after_ms");
                      writer.integer(0);
                      writer.text("owner");
                      writer.text("");
                    }));
  };
  EXPECT_EQ(refusal(reply("line 1\n\tline 2")), ErrorCode::ok);
  EXPECT_EQ(refusal(reply("\x1b[31m")), ErrorCode::bad_name);
  EXPECT_EQ(refusal(reply("\xff")), ErrorCode::bad_name);
  EXPECT_EQ(refusal(reply(std::string(Limits{}.max_text + 1, 'x'))), ErrorCode::bad_name);
}

TEST(WireNamesOfThings, ARefusalNeverRepeatsWhatIsNotPrintable) {
  const auto frame = frame_of(Credit::kType, from_hex_text("81 a4 1b5b324a 01"));
  EXPECT_THAT(refusal_detail(frame), HasSubstr("no field \"?[2J\""));
}

}  // namespace
}  // namespace sublet::wire
