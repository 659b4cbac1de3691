// What a job waits for and until when, over restarts of its broker.

#include <gtest/gtest.h>

#include "tests/broker/core/world.hpp"

namespace sublet::broker::testing {
namespace {

/// A world whose clock has a name, with a session that takes whatever comes.
struct Timing : ::testing::Test {
  explicit Timing(std::uint64_t clock = 1) : world({.clock = clock}) { begin(); }

  void begin() {
    producer = world.producer();
    worker = world.worker(++instances);
    world.offer(worker, 4);
  }

  JobId closed_job(JobSpec spec, std::uint64_t chunks = 1) {
    const auto job = world.open(producer, std::move(spec));
    hear(world.submit(producer, job, {.first = 0, .count = chunks}));
    hear(world.say(producer, wire::Close{.job = job}));
    return job;
  }

  /// Everything granted is settled, everything leased comes up.
  void hear(const std::vector<Send>& sends) {
    for (const auto& lease : all_of<wire::Lease>(sends)) {
      hear(world.say(worker, wire::Window{.lease = lease.lease, .chunks = 100, .bytes = 1U << 20U}));
    }
    for (const auto& run : all_of<wire::Run>(sends)) {
      ran.push_back(run.job);
      hear(world.say(worker, settle_of(run, code)));
    }
  }
  void pass(Millis time) { hear(world.pass(time)); }
  void restart() {
    world.restart();
    begin();
    pass(0ms);
  }
  JobState state(JobId job) { return world.status(producer, job).state; }

  World world;
  PeerId producer;
  PeerId worker;
  std::uint64_t instances = 0;
  std::vector<JobId> ran;
  ErrorCode code = ErrorCode::ok;
};

struct TimingByAnotherClock : Timing {
  TimingByAnotherClock() : Timing(0) {}
};

TEST_F(Timing, RunsNothingOfAJobBeforeItsDelayHasPassed) {
  const auto job = closed_job({.delay = 10s});
  pass(9'999ms);
  EXPECT_TRUE(ran.empty());
  EXPECT_EQ(world.status(producer, job).hold, JobHold::delayed);
  pass(1ms);
  EXPECT_EQ(state(job), JobState::done);
}

TEST_F(Timing, KeepsWhatIsLeftOfADelayOverARestart) {
  const auto job = closed_job({.delay = 10s});
  pass(6s);
  restart();
  pass(3'999ms);
  EXPECT_TRUE(ran.empty());
  pass(1ms);
  EXPECT_EQ(state(job), JobState::done);
}

TEST_F(TimingByAnotherClock, GivesADelayAgainAtMostWhatPassedSinceItWasWrittenDown) {
  const auto job = closed_job({.delay = 40s});
  pass(33s);
  world.now += 1000h;
  restart();
  EXPECT_EQ(state(job), JobState::closed) << "by a clock that is far ahead";
  pass(12s);
  EXPECT_EQ(state(job), JobState::done);
}

TEST_F(Timing, FailsAJobAtItsDeadline) {
  const auto job = world.open(producer, {.deadline = 10s});
  pass(9'999ms);
  EXPECT_EQ(state(job), JobState::open);
  pass(1ms);
  const auto status = world.status(producer, job);
  EXPECT_EQ(status.state, JobState::failed);
  EXPECT_EQ(status.error, ErrorCode::deadline_exceeded);
}

TEST_F(Timing, KeepsWhatIsLeftOfADeadlineOverARestart) {
  const auto job = world.open(producer, {.deadline = 10s});
  pass(6s);
  restart();
  pass(3'999ms);
  EXPECT_EQ(state(job), JobState::open);
  pass(1ms);
  EXPECT_EQ(world.status(producer, job).error, ErrorCode::deadline_exceeded);
}

TEST_F(TimingByAnotherClock, NeverEndsAJobBeforeItsDeadlineByAClockThatIsAhead) {
  const auto job = world.open(producer, {.open_timeout = 2h, .deadline = 1h});
  world.now += 1000h;
  restart();
  EXPECT_EQ(state(job), JobState::open);
  pass(1h);
  EXPECT_EQ(world.status(producer, job).error, ErrorCode::deadline_exceeded);
}

TEST_F(Timing, ForgetsAJobWhenItsOwnTtlHasPassedAlsoAfterARestart) {
  const auto job = closed_job({.ttl = 10s});
  EXPECT_EQ(state(job), JobState::done);
  pass(6s);
  restart();
  pass(3'999ms);
  EXPECT_EQ(state(job), JobState::done);
  pass(1ms);
  EXPECT_TRUE(all_of<wire::Event>(world.say(producer, wire::Watch{.job = job})).empty());
}

TEST_F(Timing, RunsAJobWhenAllThatItRunsAfterAreDone) {
  const auto first = closed_job({.delay = 1s});
  const auto second = closed_job({.delay = 2s});
  const auto last = closed_job({.after = {first, second}});
  EXPECT_EQ(world.status(producer, last).hold, JobHold::blocked);
  pass(1s);
  EXPECT_EQ(world.status(producer, last).after, std::vector{second});
  pass(1s);
  EXPECT_EQ(ran, (std::vector{first, second, last}));
}

TEST_F(Timing, KeepsWhatAJobRunsAfterOverARestart) {
  const auto first = closed_job({.delay = 5s});
  const auto second = closed_job({.after = {first}});
  restart();
  EXPECT_TRUE(ran.empty());
  EXPECT_EQ(world.status(producer, second).after, std::vector{first});
  pass(5s);
  EXPECT_EQ(ran, (std::vector{first, second}));
}

TEST_F(Timing, FailsAWholeChainWhenItsFirstJobFails) {
  code = ErrorCode::launch_failed;
  const auto first = closed_job({.delay = 1s});
  const auto second = closed_job({.after = {first}});
  const auto third = closed_job({.after = {second}});
  pass(1s);
  EXPECT_EQ(ran, std::vector{first});
  EXPECT_EQ(world.status(producer, second).error, ErrorCode::dependency_failed);
  EXPECT_EQ(world.status(producer, third).error, ErrorCode::dependency_failed);
}

TEST_F(Timing, RunsAfterAnyEndWhenAskedTo) {
  const auto first = closed_job({.delay = 1h});
  const auto second = closed_job({.after = {first}, .after_any = true});
  hear(world.say(producer, wire::Cancel{.job = first}));
  pass(0ms);
  EXPECT_EQ(ran, std::vector{second});
}

TEST_F(Timing, RefusesToRunAfterAJobThatHasFailedOrIsUnknown) {
  const auto cancelled = world.open(producer);
  static_cast<void>(world.say(producer, wire::Cancel{.job = cancelled}));
  const auto refused = [&](JobId after) {
    const auto bundle = test_bundle("echo");
    const auto errors = all_of<wire::ErrorReply>(
        world.say(producer, wire::Open{.spec = {.pipeline = bundle.hash, .max_chunk_bytes = 8, .after = {after}}}, bundle.bytes));
    return errors.empty() ? ErrorCode::ok : errors.front().code;
  };
  EXPECT_EQ(refused(cancelled), ErrorCode::dependency_failed);
  EXPECT_EQ(refused(JobId{404}), ErrorCode::not_found);
}

TEST_F(Timing, EndsAnEmptyJobOnlyAfterTheOneBeforeIt) {
  const auto first = closed_job({.delay = 1s});
  const auto barrier = closed_job({.after = {first}}, 0);
  EXPECT_EQ(state(barrier), JobState::closed);
  pass(1s);
  EXPECT_EQ(state(barrier), JobState::done);
}

TEST_F(Timing, CountsTheChunksOfAHeldJobApart) {
  closed_job({.delay = 1h}, 5);
  const auto listed = all_of<wire::Listed>(world.say(producer, wire::List{.what = wire::Listing::queues}));
  EXPECT_EQ(listed.at(0).queues.at(0).held, 5U);
  EXPECT_EQ(listed.at(0).queues.at(0).ready, 0U);
}

}  // namespace
}  // namespace sublet::broker::testing
