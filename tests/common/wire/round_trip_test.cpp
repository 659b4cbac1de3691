#include <set>

#include <gtest/gtest.h>

#include "common/wire/codec.hpp"
#include "tests/common/wire/samples.hpp"

namespace sublet::wire {
namespace {

TEST(WireRoundTrip, O8_EveryMessageComesBackAsItWasSent) {
  for (const auto& sample : samples()) {
    std::vector<std::byte> frame;
    encode(sample.request, sample.message, frame);
    const auto decoded = decode(frame, sample.payload_bytes);
    ASSERT_TRUE(decoded) << decoded.error().error.detail;
    EXPECT_EQ(decoded->message, sample.message) << name_of(type_of(sample.message));
    EXPECT_EQ(decoded->header, (Header{.type = type_of(sample.message), .request = sample.request}));
  }
}

TEST(WireRoundTrip, ThereIsASampleOfEveryMessage) {
  std::set<std::size_t> held;
  for (const auto& sample : samples()) held.insert(sample.message.index());
  EXPECT_EQ(held.size(), std::variant_size_v<Message>);
}

TEST(WireRoundTrip, EncodingAppendsToWhatIsThere) {
  std::vector<std::byte> out(3);
  encode(1, Ping{}, out);
  ASSERT_EQ(out.size(), 3 + kHeaderBytes + 1);
  EXPECT_TRUE(decode(ByteView(out).subspan(3), std::nullopt));
}

TEST(WireRoundTrip, ADetailThatIsNotUtf8ArrivesCleaned) {
  std::vector<std::byte> frame;
  encode(1, ErrorReply{.code = ErrorCode::io_failed, .detail = "no file \xff\x1b[2J\n\xc3\xa9"}, frame);
  const auto decoded = decode(frame, std::nullopt);
  ASSERT_TRUE(decoded);
  EXPECT_EQ(std::get<ErrorReply>(decoded->message).detail, "no file ??[2J\n\xc3\xa9");
}

TEST(WireRoundTrip, ADetailThatIsTooLongArrivesCutAtACharactersEdge) {
  std::string detail(Limits{}.max_text - 1, 'a');
  detail += "\xc3\xa9";
  std::vector<std::byte> frame;
  encode(1, ErrorReply{.code = ErrorCode::load_failed, .detail = detail}, frame);
  const auto decoded = decode(frame, std::nullopt);
  ASSERT_TRUE(decoded);
  EXPECT_EQ(std::get<ErrorReply>(decoded->message).detail, std::string(Limits{}.max_text - 1, 'a'));
}

TEST(WireNames, EveryMessageHasAnUpperCaseNameOfItsOwn) {
  std::set<std::string_view> names;
  for (const auto& sample : samples()) {
    const auto name = name_of(type_of(sample.message));
    EXPECT_FALSE(name.empty());
    EXPECT_TRUE(names.insert(name).second) << name;
  }
  EXPECT_EQ(name_of(Submit::kType), "SUBMIT");
  EXPECT_EQ(name_of(0), "");
  EXPECT_EQ(name_of(255), "");
}

}  // namespace
}  // namespace sublet::wire
