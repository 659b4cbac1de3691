// Batches whose fields do not fit each other.

#include <limits>

#include <gtest/gtest.h>

#include "tests/common/wire/frames.hpp"
#include "tests/common/wire/samples.hpp"

namespace sublet::wire {
namespace {

constexpr std::uint64_t kHighest = std::numeric_limits<std::uint64_t>::max();

ErrorCode outcome(const Message& message, std::size_t payload_bytes) {
  ByteVector frame;
  encode(77, message, frame);
  return refusal(frame, payload_bytes);
}

Submit submit(std::vector<ChunkRange> chunks, std::vector<std::uint32_t> lengths) {
  return {.job = JobId{1}, .chunks = std::move(chunks), .lengths = {std::move(lengths)}};
}

Settle settle() {
  return {.lease = LeaseId{1},
          .grant = GrantId{2},
          .token = {},
          .codes = {{0, 402}},
          .details = {{.index = 1, .detail = "why"}},
          .lengths = {{4, 0}},
          .micros = {{10, 20}}};
}

TEST(WireBatch, OneThatFitsIsTaken) {
  EXPECT_EQ(outcome(submit({{0, 2}}, {3, 4}), 7), ErrorCode::ok);
  EXPECT_EQ(outcome(submit({{kHighest, 1}, {0, 1}}, {0, 0}), 0), ErrorCode::ok) << "ranges may come in any order";
  EXPECT_EQ(outcome(settle(), 4), ErrorCode::ok);
}

TEST(WireBatch, WithoutAChunkIsABadSize) { EXPECT_EQ(outcome(submit({}, {}), 0), ErrorCode::bad_size); }

TEST(WireBatch, LengthsThatAreNotThePayloadsAreABadSize) {
  EXPECT_EQ(outcome(submit({{0, 2}}, {3, 4}), 6), ErrorCode::bad_size);
  EXPECT_EQ(outcome(submit({{0, 2}}, {0xffffffff, 0xffffffff}), 0xfffffffe), ErrorCode::message_too_large);
  EXPECT_EQ(outcome(submit({{0, 2}}, {0xffffffff, 1}), 0), ErrorCode::bad_size) << "the sum does not wrap at 32 bits";
  EXPECT_EQ(outcome(settle(), 5), ErrorCode::bad_size);
}

TEST(WireBatch, OtherThanOneLengthForEachChunkIsABadSize) {
  EXPECT_EQ(outcome(submit({{0, 3}}, {3, 4}), 7), ErrorCode::bad_size);
  EXPECT_EQ(outcome(submit({{0, 1}}, {3, 4}), 7), ErrorCode::bad_size);
  EXPECT_EQ(outcome(submit({{0, kHighest}, {0, 3}}, {3, 4}), 7), ErrorCode::bad_size) << "the count does not wrap at 64 bits";
}

TEST(WireBatch, AnEmptyRangeIsOutOfRange) { EXPECT_EQ(outcome(submit({{0, 0}, {0, 1}}, {1}), 1), ErrorCode::out_of_range); }

TEST(WireBatch, ARangePastTheHighestIdIsOutOfRange) {
  EXPECT_EQ(outcome(submit({{kHighest, 2}}, {0, 0}), 0), ErrorCode::out_of_range);
  EXPECT_EQ(outcome(submit({{kHighest - 1, 2}}, {0, 0}), 0), ErrorCode::ok);
}

TEST(WireBatch, AChunkTwiceIsADuplicate) {
  EXPECT_EQ(outcome(submit({{5, 1}, {5, 1}}, {0, 0}), 0), ErrorCode::duplicate);
  EXPECT_EQ(outcome(submit({{10, 2}, {0, 1}, {8, 3}}, {0, 0, 0, 0, 0, 0}), 0), ErrorCode::duplicate);
  EXPECT_EQ(outcome(submit({{kHighest - 1, 2}, {kHighest, 1}}, {0, 0, 0}), 0), ErrorCode::duplicate);
}

TEST(WireBatch, ARangeOfOtherThanTwoNumbersIsABadSize) {
  const auto body = from_hex_text("83 a3 6a6f62 01 a6 6368756e6b73 91 91 00 a7 6c656e67746873 c4 00");
  EXPECT_EQ(refusal(frame_of(Submit::kType, body), 0), ErrorCode::bad_size);
}

TEST(WireBatch, LengthsThatAreNoWholeNumbersAreABadSize) {
  const auto body = from_hex_text("83 a3 6a6f62 01 a6 6368756e6b73 91 92 00 01 a7 6c656e67746873 c4 05 0000000000");
  EXPECT_EQ(refusal(frame_of(Submit::kType, body), 0), ErrorCode::bad_size);
}

TEST(WireBatch, SomeCodesForMoreChunksAreABadSize) {
  auto message = settle();
  message.codes.values = {0};
  EXPECT_EQ(outcome(message, 4), ErrorCode::bad_size);
  message.codes.values = {0, 0, 0};
  EXPECT_EQ(outcome(message, 4), ErrorCode::bad_size);
  message.codes.values = {};
  EXPECT_EQ(outcome(message, 4), ErrorCode::ok);
}

TEST(WireBatch, ACodeThatIsNoErrorNumberIsOutOfRange) {
  auto message = settle();
  message.codes.values = {0, 403};
  EXPECT_EQ(outcome(message, 4), ErrorCode::ok);
  for (const std::uint16_t bad : std::initializer_list<std::uint16_t>{1, 99, 410, 998, 1000, 65'535}) {
    message.codes.values = {0, bad};
    EXPECT_EQ(outcome(message, 4), ErrorCode::out_of_range) << bad;
  }
}

TEST(WireBatch, SomeDurationsForMoreChunksAreABadSize) {
  auto message = settle();
  message.micros.values = {1};
  EXPECT_EQ(outcome(message, 4), ErrorCode::bad_size);
  message.micros.values = {};
  EXPECT_EQ(outcome(message, 4), ErrorCode::ok);
}

TEST(WireBatch, ADetailOfAChunkThatIsNotThereIsOutOfRange) {
  auto message = settle();
  message.details = {{.index = 2, .detail = ""}};
  EXPECT_EQ(outcome(message, 4), ErrorCode::out_of_range);
}

TEST(WireBatch, RunAndOutputAreCheckedAlike) {
  wire::Run run{.lease = {}, .grant = {}, .token = {}, .job = {}, .chunks = {{1, 1}, {1, 1}}, .lengths = {{0, 0}}, .alone = false};
  EXPECT_EQ(outcome(run, 0), ErrorCode::duplicate);
  run.chunks = {{1, 2}};
  EXPECT_EQ(outcome(run, 0), ErrorCode::ok);
  EXPECT_EQ(outcome(run, 1), ErrorCode::bad_size);
  Output output{.job = {}, .cursor = {}, .chunks = {{1, 1}}, .codes = {}, .details = {}, .lengths = {{2}}, .micros = {}};
  EXPECT_EQ(outcome(output, 2), ErrorCode::ok);
  output.details = {{.index = 1, .detail = ""}};
  EXPECT_EQ(outcome(output, 2), ErrorCode::out_of_range);
  output.details = {};
  output.chunks = {{1, 2}};
  EXPECT_EQ(outcome(output, 2), ErrorCode::bad_size);
}

TEST(WireMessage, APriorityPastTheLastIsOutOfRange) {
  auto open = sample_of<Open>();
  open.spec.priority = 9;
  EXPECT_EQ(outcome(open, 0), ErrorCode::ok);
  open.spec.priority = 10;
  EXPECT_EQ(outcome(open, 0), ErrorCode::out_of_range);
}

TEST(WireMessage, AListOfMoreThanAThousandIsOutOfRange) {
  ByteVector frame;
  encode(77, List{.what = Listing::jobs, .limit = 1001}, frame);
  EXPECT_EQ(refusal(frame), ErrorCode::out_of_range);
}

}  // namespace
}  // namespace sublet::wire
