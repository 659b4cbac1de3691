#include <set>

#include <gtest/gtest.h>

#include "common/wire/codec.hpp"
#include "common/wire/text.hpp"
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

TEST(WireRoundTrip, TheLargestBatchOfFailuresIsStillTaken) {
  constexpr std::uint32_t kChunks = 65'536;
  Output output{.job = JobId{1}, .cursor = Cursor{1}, .chunks = {}, .codes = {}, .details = {}, .lengths = {}, .micros = {}};
  for (std::uint64_t range = 0; range < Limits{}.max_list; ++range)
    output.chunks.push_back({.first = (range << 40U) + (1ULL << 63U), .count = 4});
  output.codes.values.assign(kChunks, static_cast<std::uint16_t>(ErrorCode::load_failed));
  output.lengths.values.assign(kChunks, 0);
  output.micros.values.assign(kChunks, 0xffffffff);
  output.details.assign(kChunks, {.index = 5, .detail = std::string(1000, 'x')});
  std::vector<std::byte> frame;
  encode(1, output, frame);
  const auto decoded = decode(frame, 0);
  ASSERT_TRUE(decoded) << decoded.error().error.detail;
  const auto& details = std::get<Output>(decoded->message).details;
  ASSERT_EQ(details.size(), kMaxDetails);
  EXPECT_EQ(details.back().detail, std::string(kListedProseBytes / kMaxDetails, 'x'));
}

TEST(WireRoundTrip, AThousandFailedJobsWithLongReasonsAreStillTaken) {
  JobStatus job;
  job.id = JobId{~0ULL};
  job.name = std::string(kMaxLabel, 'n');
  job.queue = std::string(kMaxIdentifier, 'q');
  job.state = JobState::failed;
  job.error = ErrorCode::retries_exhausted;
  job.error_detail = std::string(60'000, 'x');
  const Listed listed{.jobs = std::vector(1000, job), .queues = {}, .workers = {}};
  std::vector<std::byte> frame;
  encode(1, listed, frame);
  const auto decoded = decode(frame, std::nullopt);
  ASSERT_TRUE(decoded) << decoded.error().error.detail;
  EXPECT_EQ(std::get<Listed>(decoded->message).jobs.size(), 1000U);
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
