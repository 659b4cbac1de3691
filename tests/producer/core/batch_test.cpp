#include "producer/core/batch.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace sublet::producer {
namespace {

using testing::ElementsAre;

std::string text(const Batch& batch) { return std::string(as_text(batch.payload.view())); }

TEST(BatchBuilder, MergesConsecutiveIdsIntoOneRange) {
  BatchBuilder builder;
  builder.append({7}, as_view("a"), 0);
  builder.append({8}, as_view(""), 1);
  builder.append({9}, as_view("ccc"), 2);
  builder.append({20}, as_view("d"), 3);
  const Batch batch = builder.seal();
  EXPECT_THAT(batch.chunks, ElementsAre(ChunkRange{7, 3}, ChunkRange{20, 1}));
  EXPECT_THAT(batch.lengths.values, ElementsAre(1, 0, 3, 1));
  EXPECT_EQ(text(batch), "acccd");
  EXPECT_TRUE(builder.empty());
}

TEST(BatchBuilder, SortsWhatManyThreadsInterleaved) {
  BatchBuilder builder;
  builder.append({100}, as_view("x"), 5);
  builder.append({1}, as_view("aa"), 6);
  builder.append({101}, as_view("y"), 7);
  builder.append({2}, as_view("b"), 8);
  const Batch batch = builder.seal();
  EXPECT_THAT(batch.chunks, ElementsAre(ChunkRange{1, 2}, ChunkRange{100, 2}));
  EXPECT_THAT(batch.lengths.values, ElementsAre(2, 1, 1, 1));
  EXPECT_EQ(text(batch), "aabxy");
  EXPECT_EQ(batch.first_sequence, 5U);
}

TEST(BatchBuilder, KeepsTheFirstBytesOfAnIdThatCameTwice) {
  BatchBuilder builder;
  builder.append({3}, as_view("first"), 0);
  builder.append({3}, as_view("second"), 1);
  const Batch batch = builder.seal();
  EXPECT_THAT(batch.chunks, ElementsAre(ChunkRange{3, 1}));
  EXPECT_EQ(text(batch), "first");
}

TEST(BatchBuilder, DoesNotWrapPastTheLargestId) {
  BatchBuilder builder;
  builder.append({0}, as_view("a"), 0);
  builder.append({~std::uint64_t{0}}, as_view("z"), 1);
  EXPECT_THAT(builder.seal().chunks, ElementsAre(ChunkRange{0, 1}, ChunkRange{~std::uint64_t{0}, 1}));
}

TEST(Cut, SplitsRangesLengthsAndBytesAtTheSameChunk) {
  BatchBuilder builder;
  for (std::uint64_t id = 0; id < 4; ++id) builder.append({id}, as_view("ab"), id);
  const auto [head, tail] = cut(builder.seal(), {.chunks = 3, .bytes = 5});
  EXPECT_THAT(head.chunks, ElementsAre(ChunkRange{0, 2}));
  EXPECT_THAT(tail.chunks, ElementsAre(ChunkRange{2, 2}));
  EXPECT_EQ(text(head), "abab");
  EXPECT_EQ(tail.load(), (Load{2, 4}));
}

TEST(Cut, LeavesAtLeastOneChunkInFront) {
  const auto [head, tail] = cut(lone_batch({1}, Blob::copy_of(as_view("too long")), 0), {.chunks = 1, .bytes = 2});
  EXPECT_EQ(head.load().chunks, 1U);
  EXPECT_EQ(tail.load().chunks, 0U);
}

}  // namespace
}  // namespace sublet::producer
