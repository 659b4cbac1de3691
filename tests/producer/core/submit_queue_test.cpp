#include "producer/core/submit_queue.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace sublet::producer {
namespace {

using testing::ElementsAre;

constexpr SubmitQueue::Room kPlenty = {.free = {.chunks = 1'000'000, .bytes = 1'000'000'000}, .idle = true};
constexpr Instant kStart{};

void append(SubmitQueue& queue, std::uint64_t first, std::uint64_t count) {
  for (std::uint64_t id = first; id < first + count; ++id) queue.append({id}, as_view("12345678"));
}

TEST(SubmitQueue, SendsALoneChunkAtOnce) {
  SubmitQueue queue;
  append(queue, 5, 1);
  const Batch* batch = queue.send_next(1, kPlenty, kStart);
  ASSERT_NE(batch, nullptr);
  EXPECT_THAT(batch->chunks, ElementsAre(ChunkRange{5, 1}));
}

TEST(SubmitQueue, PacksWhatCameWhileTheLastBatchWasInFlight) {
  SubmitQueue queue;
  append(queue, 0, 1);
  ASSERT_NE(queue.send_next(1, kPlenty, kStart), nullptr);
  append(queue, 1, 1);
  append(queue, 2, 1);
  EXPECT_EQ(queue.send_next(2, kPlenty, kStart), nullptr);
  EXPECT_EQ(queue.accepted(1), (Load{1, 8}));
  const Batch* batch = queue.send_next(3, kPlenty, kStart);
  ASSERT_NE(batch, nullptr);
  EXPECT_THAT(batch->chunks, ElementsAre(ChunkRange{1, 2}));
}

TEST(SubmitQueue, SendsFullBatchesWithoutWaitingUpToItsLimitInFlight) {
  SubmitQueue queue;
  queue.set_full({.chunks = 10, .bytes = 1'000});
  append(queue, 0, 100);
  std::uint64_t request = 0;
  while (const Batch* batch = queue.send_next(++request, kPlenty, kStart)) EXPECT_EQ(batch->load().chunks, 10U);
  EXPECT_EQ(request, kMaxInFlight + 1);
}

TEST(SubmitQueue, SendsALargePayloadFromTheCallersMemory) {
  SubmitQueue queue;
  const std::vector<std::byte> large(kLonePayloadBytes);
  const Blob payload = Blob::copy_of(large);
  append(queue, 0, 1);
  queue.append({1}, payload);
  ASSERT_NE(queue.send_next(1, kPlenty, kStart), nullptr);
  const Batch* batch = queue.send_next(2, kPlenty, kStart);
  ASSERT_NE(batch, nullptr);
  EXPECT_EQ(batch->payload.view().data(), payload.view().data());
}

TEST(SubmitQueue, KeepsABatchOfOneCallTogether) {
  SubmitQueue queue;
  queue.set_full({.chunks = 10, .bytes = 1'000});
  append(queue, 0, 8);
  queue.begin({.chunks = 5, .bytes = 40});
  append(queue, 100, 5);
  EXPECT_THAT(queue.send_next(1, kPlenty, kStart)->chunks, ElementsAre(ChunkRange{0, 8}));
  ASSERT_TRUE(queue.accepted(1));
  EXPECT_THAT(queue.send_next(2, kPlenty, kStart)->chunks, ElementsAre(ChunkRange{100, 5}));
}

TEST(SubmitQueue, WaitsForCreditWhileSomethingIsInFlightAndCutsWhenNothingIs) {
  SubmitQueue queue;
  append(queue, 0, 10);
  EXPECT_EQ(queue.send_next(1, {.free = {.chunks = 4, .bytes = 1'000}, .idle = false}, kStart), nullptr);
  const Batch* batch = queue.send_next(2, {.free = {.chunks = 4, .bytes = 1'000}, .idle = true}, kStart);
  ASSERT_NE(batch, nullptr);
  EXPECT_EQ(batch->load().chunks, 4U);
  EXPECT_EQ(queue.unaccepted(), (Load{10, 80}));
}

TEST(SubmitQueue, SendsNothingWithoutCredit) {
  SubmitQueue queue;
  append(queue, 0, 1);
  EXPECT_EQ(queue.send_next(1, {.free = {}, .idle = true}, kStart), nullptr);
  EXPECT_EQ(queue.unaccepted(), (Load{1, 8}));
}

TEST(SubmitQueue, RepeatsARefusedBatchUnchangedAfterTheDelay) {
  SubmitQueue queue;
  append(queue, 0, 3);
  ASSERT_NE(queue.send_next(1, kPlenty, kStart), nullptr);
  append(queue, 3, 1);
  ASSERT_TRUE(queue.repeat_later(1, kStart + 100ms));
  EXPECT_EQ(queue.send_next(2, kPlenty, kStart + 99ms), nullptr);
  const Batch* batch = queue.send_next(3, kPlenty, kStart + 100ms);
  ASSERT_NE(batch, nullptr);
  EXPECT_THAT(batch->chunks, ElementsAre(ChunkRange{0, 3}));
}

TEST(SubmitQueue, RepeatsEverythingInFlightInItsOrder) {
  SubmitQueue queue;
  queue.set_full({.chunks = 2, .bytes = 1'000});
  append(queue, 0, 6);
  for (std::uint64_t request = 1; request <= 3; ++request) ASSERT_NE(queue.send_next(request, kPlenty, kStart), nullptr);
  queue.repeat_all();
  EXPECT_EQ(queue.in_flight_load(), Load{});
  EXPECT_THAT(queue.send_next(4, kPlenty, kStart)->chunks, ElementsAre(ChunkRange{0, 2}));
  EXPECT_THAT(queue.send_next(5, kPlenty, kStart)->chunks, ElementsAre(ChunkRange{2, 2}));
  EXPECT_THAT(queue.send_next(6, kPlenty, kStart)->chunks, ElementsAre(ChunkRange{4, 2}));
  // The answer to the first sending no longer counts.
  EXPECT_EQ(queue.accepted(1), std::nullopt);
}

TEST(SubmitQueue, KnowsUpToWhereEverythingIsAccepted) {
  SubmitQueue queue;
  queue.set_full({.chunks = 2, .bytes = 1'000});
  append(queue, 0, 5);
  ASSERT_NE(queue.send_next(1, kPlenty, kStart), nullptr);
  ASSERT_NE(queue.send_next(2, kPlenty, kStart), nullptr);
  ASSERT_TRUE(queue.accepted(2));
  EXPECT_EQ(queue.accepted_through(), 0U);
  ASSERT_TRUE(queue.accepted(1));
  EXPECT_EQ(queue.accepted_through(), 4U);
  EXPECT_EQ(queue.submitted(), 5U);
}

TEST(SubmitQueue, GivesBackTheLoadOfRepeatedIds) {
  SubmitQueue queue;
  append(queue, 1, 1);
  append(queue, 1, 1);
  EXPECT_EQ(queue.send_next(1, kPlenty, kStart)->load(), (Load{1, 8}));
  EXPECT_EQ(queue.take_left_out(), (Load{1, 8}));
  EXPECT_EQ(queue.unaccepted(), (Load{1, 8}));
}

}  // namespace
}  // namespace sublet::producer
