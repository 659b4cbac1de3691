#include "broker/core/batch.hpp"

#include <gtest/gtest.h>
#include <rapidcheck.h>

namespace sublet::broker {
namespace {

Batch batch_of(std::vector<ChunkRange> ranges, std::vector<std::uint32_t> lengths) {
  return {BatchId{.value = 1},
          std::make_shared<const BatchRecord>(BatchRecord{.chunks = std::move(ranges), .lengths = {.values = std::move(lengths)}}), Blob()};
}

TEST(Batch, IsOneRunWhileItStaysTogether) {
  auto batch = batch_of({{.first = 0, .count = 8}}, std::vector<std::uint32_t>(8, 1));
  EXPECT_EQ(batch.runs().size(), 1U);
  batch.assign(0, {.count = 8, .state = ChunkState::leased, .ref = 3});
  EXPECT_EQ(batch.runs().size(), 1U);
  EXPECT_EQ(batch.ready(), 0U);
  batch.assign(2, {.count = 1, .state = ChunkState::done});
  EXPECT_EQ(batch.runs().size(), 3U);
  batch.assign(0, {.count = 2, .state = ChunkState::done});
  batch.assign(3, {.count = 5, .state = ChunkState::done});
  EXPECT_EQ(batch.runs().size(), 1U);
  EXPECT_EQ(batch.unfinished(), 0U);
}

TEST(Batch, FindsTheFirstReadyRunAfterOneCameBack) {
  auto batch = batch_of({{.first = 0, .count = 8}}, std::vector<std::uint32_t>(8, 1));
  batch.assign(0, {.count = 6, .state = ChunkState::leased, .ref = 1});
  ASSERT_NE(batch.first_ready(), nullptr);
  EXPECT_EQ(batch.first_ready()->begin, 6U);
  batch.assign(2, {.count = 1, .attempts = 1});
  EXPECT_EQ(batch.first_ready()->begin, 2U);
  batch.assign(2, {.count = 1, .crashes = kCrashesBeforeAlone});
  EXPECT_EQ(batch.first_ready()->begin, 6U);
}

TEST(Batch, KnowsIdsAndOffsetsAcrossRanges) {
  auto batch = batch_of({{.first = 10, .count = 2}, {.first = 20, .count = 3}}, {1, 2, 3, 4, 5});
  std::vector<ChunkRange> ids;
  batch.append_ids(1, 3, ids);
  const std::vector<ChunkRange> expected = {{.first = 11, .count = 1}, {.first = 20, .count = 2}};
  EXPECT_EQ(ids, expected);
  EXPECT_EQ(batch.offset_of(3), 6U);
  EXPECT_EQ(batch.offset_of(1), 1U);
  EXPECT_EQ(batch.bytes_of(1, 3), 9U);
}

TEST(Batch, AgreesWithAListOfStates) {
  EXPECT_TRUE(rc::check("as a state per chunk would", [] {
    constexpr std::uint32_t kCount = 24;
    auto batch = batch_of({{.first = 0, .count = kCount}}, std::vector<std::uint32_t>(kCount, 1));
    std::vector<RunRecord> model(kCount);
    const auto steps = *rc::gen::inRange(1, 60);
    for (int step = 0; step < steps; ++step) {
      const auto begin = *rc::gen::inRange<std::uint32_t>(0, kCount);
      const auto& run = batch.run_at(begin);
      RunRecord value{.count = *rc::gen::inRange<std::uint32_t>(1, run.end() - begin + 1)};
      value.state = static_cast<ChunkState>(*rc::gen::inRange(0, 6));
      value.crashes = static_cast<std::uint16_t>(*rc::gen::inRange(0, 3));
      batch.assign(begin, value);
      for (auto at = begin; at < begin + value.count; ++at) model[at] = value;
      std::uint32_t ready = 0, unfinished = 0, position = 0;
      std::optional<std::uint32_t> first;
      for (std::uint32_t at = 0; at < kCount; ++at) {
        if (is_plainly_ready(model[at]) && !first) first = at;
        ready += is_plainly_ready(model[at]) ? 1 : 0;
        unfinished += model[at].state < ChunkState::done ? 1 : 0;
        RC_ASSERT(batch.run_at(at).record.state == model[at].state);
        RC_ASSERT(batch.run_at(at).record.crashes == model[at].crashes);
      }
      for (const auto& each : batch.runs()) {
        RC_ASSERT(each.begin == position);
        position += each.record.count;
      }
      RC_ASSERT(position == kCount);
      RC_ASSERT(batch.ready() == ready);
      RC_ASSERT(batch.unfinished() == unfinished);
      const auto* found = batch.first_ready();
      RC_ASSERT((found != nullptr) == first.has_value());
      if (first) RC_ASSERT(found->begin == *first);
    }
  }));
}

}  // namespace
}  // namespace sublet::broker
