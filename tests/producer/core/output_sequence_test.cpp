#include "producer/core/output_sequence.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace sublet::producer {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

OutputEntry entry(std::uint64_t cursor, std::vector<ChunkRange> chunks, const std::vector<std::string>& outputs) {
  OutputEntry made;
  made.message.cursor = {cursor};
  made.message.chunks = std::move(chunks);
  std::string payload;
  for (const std::string& output : outputs) {
    made.message.lengths.values.push_back(static_cast<std::uint32_t>(output.size()));
    payload += output;
  }
  made.payload = Blob::copy_of(as_view(payload));
  return made;
}

/// What is handed out now, as "id=output".
std::vector<std::string> drain(OutputSequence& sequence, std::size_t most = 100) {
  std::vector<ChunkOutput> outputs;
  sequence.fill(outputs, most);
  std::vector<std::string> texts;
  for (const ChunkOutput& output : outputs) {
    const std::string what = output.output ? std::string(as_text(output.output->view())) : to_text(output.output.error());
    texts.push_back(std::to_string(output.id.value) + "=" + what);
  }
  return texts;
}

TEST(OutputSequence, HandsOutByArrival) {
  OutputSequence sequence(Order::arrival, {0});
  sequence.add(entry(1, {{5, 2}, {1, 1}}, {"five", "six", "one"}));
  sequence.add(entry(2, {{0, 1}}, {""}));
  EXPECT_THAT(drain(sequence), ElementsAre("5=five", "6=six", "1=one", "0="));
  EXPECT_EQ(sequence.held(), Load{});
}

TEST(OutputSequence, HandsOutInOrderOfChunkIdAsEarlierOnesCome) {
  OutputSequence sequence(Order::chunk_id, {0});
  sequence.add(entry(1, {{2, 2}}, {"two", "three"}));
  EXPECT_THAT(drain(sequence), IsEmpty());
  sequence.add(entry(2, {{0, 1}}, {"zero"}));
  EXPECT_THAT(drain(sequence), ElementsAre("0=zero"));
  EXPECT_EQ(sequence.held(), (Load{2, 8}));
  sequence.add(entry(3, {{1, 1}}, {"one"}));
  EXPECT_THAT(drain(sequence), ElementsAre("1=one", "2=two", "3=three"));
}

TEST(OutputSequence, HandsOutWhatWaitedForAMissingIdWhenTheJobHasEnded) {
  OutputSequence sequence(Order::chunk_id, {0});
  sequence.add(entry(1, {{9, 1}}, {"nine"}));
  sequence.add(entry(2, {{4, 1}}, {"four"}));
  EXPECT_THAT(drain(sequence), IsEmpty());
  sequence.end();
  EXPECT_THAT(drain(sequence), ElementsAre("4=four", "9=nine"));
}

TEST(OutputSequence, BeginsWithTheIdItWasTold) {
  OutputSequence sequence(Order::chunk_id, {1'000});
  sequence.add(entry(1, {{1'001, 1}}, {"b"}));
  sequence.add(entry(2, {{1'000, 1}}, {"a"}));
  EXPECT_THAT(drain(sequence), ElementsAre("1000=a", "1001=b"));
}

TEST(OutputSequence, HasHandledAnEntryOnlyWithItsLastChunk) {
  OutputSequence sequence(Order::arrival, {0});
  sequence.add(entry(1, {{0, 3}}, {"a", "b", "c"}));
  EXPECT_THAT(drain(sequence, 2), ElementsAre("0=a", "1=b"));
  EXPECT_EQ(sequence.handed_out(), Cursor{0});
  EXPECT_THAT(drain(sequence, 2), ElementsAre("2=c"));
  EXPECT_EQ(sequence.handed_out(), Cursor{1});
}

TEST(OutputSequence, HasNotHandledALaterEntryWhileAnEarlierOneWaits) {
  OutputSequence sequence(Order::chunk_id, {0});
  sequence.add(entry(1, {{1, 1}}, {"one"}));
  sequence.add(entry(2, {{5, 1}}, {"five"}));
  sequence.add(entry(3, {{0, 1}}, {"zero"}));
  EXPECT_THAT(drain(sequence), ElementsAre("0=zero", "1=one"));
  EXPECT_EQ(sequence.handed_out(), Cursor{1});
}

TEST(OutputSequence, TellsWhyAChunkIsDead) {
  OutputSequence sequence(Order::arrival, {0});
  auto failed = entry(1, {{0, 3}}, {"a", "", ""});
  failed.message.codes.values = {0, static_cast<std::uint16_t>(ErrorCode::launch_failed), static_cast<std::uint16_t>(ErrorCode::poison)};
  failed.message.details = {{.index = 1, .detail = "no kernel \"scal\""}};
  failed.message.micros.values = {10, 20, 30};
  sequence.add(std::move(failed));
  std::vector<ChunkOutput> outputs;
  sequence.fill(outputs, 3);
  ASSERT_EQ(outputs.size(), 3U);
  EXPECT_EQ(outputs[1].output.error().detail, "no kernel \"scal\"");
  EXPECT_EQ(outputs[2].output.error().code, ErrorCode::poison);
  EXPECT_EQ(outputs[2].output.error().detail, error_info(ErrorCode::poison).meaning);
  EXPECT_EQ(outputs[1].took, 20us);
}

TEST(CheckOutput, RefusesListsThatDoNotAgree) {
  auto wrong = entry(1, {{0, 2}}, {"a"});
  EXPECT_EQ(check_output(wrong.message, wrong.payload).error().code, ErrorCode::protocol_error);
  auto overflowing = entry(1, {{0, ~std::uint64_t{0}}, {0, 2}}, {"a"});
  EXPECT_FALSE(check_output(overflowing.message, overflowing.payload));
  auto short_payload = entry(1, {{0, 1}}, {"abc"});
  short_payload.payload = {};
  EXPECT_FALSE(check_output(short_payload.message, short_payload.payload));
}

}  // namespace
}  // namespace sublet::producer
