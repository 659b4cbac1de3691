#include "producer/cli/tally.hpp"

#include <gtest/gtest.h>

namespace sublet::cli {
namespace {

const Error kUnreadable{.code = ErrorCode::io_failed, .detail = "cannot read a"};

TEST(BurstTally, CountsAnInputOnce) {
  BurstTally tally(3);
  tally.done(0, 10, 5us);
  tally.done(0, 10, 5us);
  tally.failed(0, "a", kUnreadable);
  tally.failed(1, "b", kUnreadable);
  const auto view = tally.view(1s);
  EXPECT_EQ(view.total, 3U);
  EXPECT_EQ(view.done, 1U);
  EXPECT_EQ(view.failed, 1U);
  EXPECT_EQ(view.bytes_out, 10U);
}

TEST(BurstTally, KeepsTheFirstReasonToStop) {
  BurstTally tally(1);
  EXPECT_FALSE(tally.stopped());
  tally.stop(kUnreadable);
  tally.stop({.code = ErrorCode::interrupted, .detail = "a consequence"});
  EXPECT_EQ(tally.stopped(), kUnreadable);
}

TEST(BurstTally, MissesAWorkerAfterTwoSecondsWithoutOne) {
  BurstTally tally(5);
  EXPECT_FALSE(tally.view(1999ms).waiting_for_worker);
  EXPECT_TRUE(tally.view(2s).waiting_for_worker);
  JobStatus running;
  running.leased = 1;
  tally.moved(running);
  EXPECT_FALSE(tally.view(2s).waiting_for_worker);
}

TEST(BurstTally, SummaryHasPercentilesAndTheJobsOwnCounts) {
  BurstTally tally(4);
  for (std::uint64_t i = 0; i < 4; ++i) tally.done(i, 1, Micros(10 * (static_cast<int>(i) + 1)));
  JobStatus status;
  status.state = JobState::done;
  status.retries = 2;
  status.sessions = 3;
  tally.moved(status);
  BurstSummary summary;
  tally.fill(summary);
  EXPECT_EQ(summary.p50, 20us);
  EXPECT_EQ(summary.p95, 40us);
  EXPECT_EQ(summary.retries, 2U);
  EXPECT_EQ(summary.sessions, 3U);
  EXPECT_TRUE(summary.complete());
}

TEST(BurstTally, AnAggregateCountsWhatTheBrokerSays) {
  BurstTally tally(4);
  JobStatus status;
  status.state = JobState::done;
  status.done = 3;
  status.dead = 1;
  tally.moved(status);
  BurstSummary summary{.aggregate = AggregateKind::sum};
  tally.fill(summary);
  EXPECT_EQ(summary.done, 3U);
  EXPECT_EQ(summary.failed, 1U);
}

TEST(BurstTally, AFailedJobWithoutAFailedChunkSaysWhy) {
  BurstTally tally(1);
  JobStatus status;
  status.state = JobState::failed;
  status.error = ErrorCode::no_capacity;
  status.error_detail = "no card is large enough";
  tally.moved(status);
  BurstSummary summary;
  tally.fill(summary);
  ASSERT_EQ(summary.failures.size(), 1U);
  EXPECT_EQ(summary.failures[0].error.code, ErrorCode::no_capacity);
}

}  // namespace
}  // namespace sublet::cli
