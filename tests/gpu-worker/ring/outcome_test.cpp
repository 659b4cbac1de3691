#include "gpu-worker/ring/outcome.hpp"

#include <cstring>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "common/random.hpp"

namespace sublet::ring {
namespace {

/// A run's block as a session process would write it.
class WrittenRun {
 public:
  explicit WrittenRun(std::vector<std::uint32_t> places) : places_(std::move(places)) {
    std::uint64_t outputs = 0;
    for (const std::uint32_t place : places_) {
      outputs += place;
    }
    const auto count = static_cast<std::uint32_t>(places_.size());
    shape_ = {.count = count, .detail_bytes = 1024, .layout = run_layout(count, 100, 1024, outputs), .places = places_};
    block_.resize(shape_.layout.total);
  }

  void code(std::size_t chunk, std::uint16_t value) { put(shape_.layout.codes + chunk * 2, value); }
  void length(std::size_t chunk, std::uint32_t value) { put(shape_.layout.output_lengths + chunk * 4, value); }
  void output(std::size_t at, std::string_view text) { std::memcpy(block_.data() + shape_.layout.outputs + at, text.data(), text.size()); }
  void detail(std::uint32_t index, std::string_view text) {
    reply.text_bytes = write_detail(std::span(block_).subspan(shape_.layout.details, 1024), reply.text_bytes, index, text);
  }
  template <class Value>
  void put(std::size_t at, Value value) {
    std::memcpy(block_.data() + at, &value, sizeof(value));
  }

  Result<void> read(Outcome& into) const { return read_outcome(reply, block_, shape_, into); }
  const RunLayout& layout() const { return shape_.layout; }
  std::vector<std::byte>& block() { return block_; }

  Reply reply;

 private:
  std::vector<std::uint32_t> places_;
  RunShape shape_;
  std::vector<std::byte> block_;
};

std::string text_of(const Outcome& outcome) { return std::string(as_text(outcome.outputs)); }

TEST(Outcome, TakesOutputsOutOfTheirPlaces) {
  WrittenRun run({3, 4, 2, 3});
  run.length(0, 3);
  run.output(0, "abc");
  run.code(1, static_cast<std::uint16_t>(ErrorCode::launch_failed));
  run.detail(1, "no such kernel");
  run.length(2, 1);
  run.output(7, "x");
  run.length(3, 3);
  run.output(9, "def");
  Outcome outcome;
  ASSERT_TRUE(run.read(outcome).has_value());
  EXPECT_EQ(text_of(outcome), "abcxdef");
  EXPECT_THAT(outcome.lengths, testing::ElementsAre(3, 0, 1, 3));
  EXPECT_THAT(outcome.codes, testing::ElementsAre(0, 501, 0, 0));
  ASSERT_EQ(outcome.details.size(), 1U);
  EXPECT_EQ(outcome.details[0], (wire::ChunkDetail{.index = 1, .detail = "no such kernel"}));
}

TEST(Outcome, ContinuesTheChunksOfAnEarlierPart) {
  WrittenRun run({1});
  run.code(0, static_cast<std::uint16_t>(ErrorCode::sync_failed));
  run.detail(0, "bad address");
  Outcome outcome;
  outcome.add(ErrorCode::ok);
  ASSERT_TRUE(run.read(outcome).has_value());
  EXPECT_EQ(outcome.count(), 2U);
  EXPECT_EQ(outcome.details.at(0).index, 1U);
}

void expect_refused(const WrittenRun& run) {
  Outcome outcome;
  outcome.add(ErrorCode::ok);
  const auto read = run.read(outcome);
  ASSERT_FALSE(read.has_value());
  EXPECT_EQ(read.error().code, ErrorCode::protocol_error);
  EXPECT_EQ(outcome.count(), 1U);
  EXPECT_TRUE(outcome.outputs.empty());
  EXPECT_TRUE(outcome.details.empty());
}

TEST(Outcome, RefusesAnOutputLongerThanItsPlace) {
  WrittenRun run({4, 4});
  run.length(1, 5);
  expect_refused(run);
}

TEST(Outcome, RefusesACodeThatIsNotInTheTable) {
  WrittenRun run({4});
  run.code(0, 12'345);
  expect_refused(run);
}

TEST(Outcome, RefusesAFailedChunkWithAnOutput) {
  WrittenRun run({4});
  run.code(0, static_cast<std::uint16_t>(ErrorCode::sync_failed));
  run.length(0, 1);
  expect_refused(run);
}

TEST(Outcome, RefusesDetailsThatDoNotAddUp) {
  WrittenRun beyond({4});
  beyond.reply.text_bytes = 1025;
  expect_refused(beyond);
  WrittenRun half({4});
  half.reply.text_bytes = 7;
  expect_refused(half);
  WrittenRun foreign({4});
  foreign.detail(1, "of no chunk");
  expect_refused(foreign);
  WrittenRun twice({4, 4});
  twice.detail(1, "once");
  twice.detail(1, "twice");
  expect_refused(twice);
  WrittenRun endless({4});
  endless.put(endless.layout().details + 4, ~std::uint32_t{0});
  endless.reply.text_bytes = 16;
  expect_refused(endless);
}

TEST(Outcome, ShowsNoControlCharacters) { EXPECT_EQ(clean_text(as_view("a\x1b[31m\xff z")), "a?[31m? z"); }

TEST(Outcome, OfAnyGarbageIsAnOutcomeOrAnError) {
  SeededRandom random(11);
  int taken = 0;
  for (int round = 0; round < 5'000; ++round) {
    WrittenRun run({8, 0, 3});
    for (std::uint64_t scribbles = random.next() % 4; scribbles > 0; --scribbles) {
      run.block()[random.next() % run.layout().input] = static_cast<std::byte>(random.next());
    }
    run.reply.text_bytes = static_cast<std::uint32_t>(random.next() % 3 == 0 ? random.next() : random.next() % 64);
    Outcome outcome;
    const auto read = run.read(outcome);
    if (!read) {
      ASSERT_EQ(outcome.count(), 0U);
      continue;
    }
    ++taken;
    ASSERT_EQ(outcome.count(), 3U);
    std::uint64_t sum = 0;
    for (const std::uint32_t length : outcome.lengths) {
      sum += length;
    }
    ASSERT_EQ(sum, outcome.outputs.size());
  }
  EXPECT_GT(taken, 0);
}

}  // namespace
}  // namespace sublet::ring
