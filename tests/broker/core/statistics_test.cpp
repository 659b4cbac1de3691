#include "broker/core/statistics.hpp"

#include <gtest/gtest.h>

namespace sublet::broker {
namespace {

QueueStatistics queue(const std::string& name, std::uint64_t ready, std::uint64_t oldest_ms) {
  QueueStatistics queue;
  queue.status.name = name;
  queue.status.ready = ready;
  queue.status.oldest_ms = oldest_ms;
  queue.counts.dead = {{ErrorCode::poison, 1}};
  queue.counts.chunk_micros.observe(5);
  queue.jobs[0] = 1;
  return queue;
}

TEST(Statistics, OfSeveralShardsAddUpQueuesOfOneName) {
  Statistics all{.queues = {queue("a", 1, 50)}, .counts = {}, .leases = 2};
  merge(all, {.queues = {queue("b", 5, 1), queue("a", 2, 70)}, .counts = {.stale_settles = 3}, .leases = 1});
  ASSERT_EQ(all.queues.size(), 2U);
  const auto& a = all.queues.front();
  EXPECT_EQ(a.status.ready, 3U);
  EXPECT_EQ(a.status.oldest_ms, 70U);
  EXPECT_EQ(a.counts.dead.at(ErrorCode::poison), 2U);
  EXPECT_EQ(a.counts.chunk_micros.total(), 2U);
  EXPECT_EQ(a.jobs[0], 2U);
  EXPECT_EQ(all.counts.stale_settles, 3U);
  EXPECT_EQ(all.leases, 3U);
}

}  // namespace
}  // namespace sublet::broker
