#include "broker/http/exposition.hpp"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "common/metrics.hpp"

namespace sublet::broker {
namespace {

using testing::HasSubstr;
using testing::Not;

Readings sample() {
  QueueStatistics queue;
  queue.status.name = "default";
  queue.status.ready = 3;
  queue.status.leased = 256;
  queue.status.oldest_ms = 1'500;
  queue.status.done = 1'000;
  queue.counts.dead = {{ErrorCode::kernel_timeout, 2}};
  queue.counts.bytes_in = 64'000;
  queue.counts.chunk_micros.observe(3, 10);
  queue.jobs = {1, 0, 7, 0, 0};
  Readings readings;
  readings.rules.queues = {queue};
  readings.rules.counts.stale_settles = 4;
  readings.loop.commits = 12;
  readings.workers = 2;
  readings.store = "memory:";
  readings.served = {true, false};
  return readings;
}

TEST(Exposition, HasEveryMetricOfTheBrokerThatTheTableNames) {
  const auto text = exposition(sample());
  for (const auto& row : metric_table()) {
    if (!row.name.starts_with("broker_")) continue;
    EXPECT_THAT(text, HasSubstr(fmt::format("# TYPE {} {}\n", row.name, to_text(row.kind))));
  }
}

TEST(Exposition, NamesQueueAndState) {
  const auto text = exposition(sample());
  EXPECT_THAT(text, HasSubstr("broker_queue_chunks{queue=\"default\",state=\"ready\"} 3\n"));
  EXPECT_THAT(text, HasSubstr("broker_queue_chunks{queue=\"default\",state=\"leased\"} 256\n"));
  EXPECT_THAT(text, HasSubstr("broker_queue_oldest_seconds{queue=\"default\"} 1.5\n"));
  EXPECT_THAT(text, HasSubstr("broker_jobs{queue=\"default\",state=\"done\"} 7\n"));
  EXPECT_THAT(text, HasSubstr("broker_dead_chunks_total{queue=\"default\",code=\"kernel_timeout\"} 2\n"));
  EXPECT_THAT(text, HasSubstr("broker_peers{role=\"worker\"} 2\n"));
  EXPECT_THAT(text, HasSubstr("broker_store_ready{store=\"memory:\"} 1\n"));
  EXPECT_THAT(text, HasSubstr("broker_shard_served{shard=\"0\"} 1\n"));
  EXPECT_THAT(text, HasSubstr("broker_shard_served{shard=\"1\"} 0\n"));
}

TEST(Exposition, TellsOfAStoreThatGivesLessThanItGave) {
  auto readings = sample();
  EXPECT_THAT(exposition(readings), HasSubstr("broker_store_weakened{store=\"memory:\"} 0\n"));
  readings.store_weakened = true;
  EXPECT_THAT(exposition(readings), HasSubstr("broker_store_weakened{store=\"memory:\"} 1\n"));
}

TEST(Exposition, HistogramsAreCumulativeAndInTheMetricsUnit) {
  const auto text = exposition(sample());
  EXPECT_THAT(text, HasSubstr("chunk_latency_seconds_bucket{queue=\"default\",le=\"2e-06\"} 0\n"));
  EXPECT_THAT(text, HasSubstr("chunk_latency_seconds_bucket{queue=\"default\",le=\"4e-06\"} 10\n"));
  EXPECT_THAT(text, HasSubstr("chunk_latency_seconds_bucket{queue=\"default\",le=\"8e-06\"} 10\n"));
  EXPECT_THAT(text, HasSubstr("chunk_latency_seconds_bucket{queue=\"default\",le=\"+Inf\"} 10\n"));
  EXPECT_THAT(text, HasSubstr("chunk_latency_seconds_count{queue=\"default\"} 10\n"));
}

TEST(Exposition, SaysThatAStoreWhichKeepsACommitWaitingIsNotReady) {
  auto readings = sample();
  readings.commit_age = kReadyCommitAge;
  EXPECT_THAT(exposition(readings), HasSubstr("broker_store_ready{store=\"memory:\"} 0\n"));
}

}  // namespace
}  // namespace sublet::broker
