// What many jobs keep in memory is bounded over all of them, and none of them waits for ever for what the others keep.

#include <algorithm>
#include <initializer_list>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include "tests/broker/core/world.hpp"

namespace sublet::broker::testing {
namespace {

constexpr std::uint32_t kPayload = 100;

/// A chunk by its job and id.
using Ran = std::pair<std::uint64_t, std::uint64_t>;

/// Jobs of one chunk a batch, and a worker with a session for each pipeline, which takes one chunk at a time.
struct ManyJobs : ::testing::Test {
  explicit ManyJobs(std::uint64_t room = 1'000)
      : world(
            {.output_budget_bytes = Bytes{1U << 20U}, .resident_bytes = Bytes{room}, .least_paged_bytes = Bytes{1}, .max_grant_chunks = 1},
            true),
        producer(world.producer()),
        worker(world.worker(1)) {}

  JobId open(JobSpec spec = {}, const std::string& pipeline = "echo") {
    jobs.push_back(world.open(producer, std::move(spec), pipeline));
    return jobs.back();
  }
  void submit(JobId job, std::uint64_t id) { hear(world.submit(producer, job, {.first = id, .count = 1}, kPayload)); }
  /// @param batches  of each, the first of every job before the second of any
  void submit_jobs(std::size_t count, std::uint64_t batches = 1, const JobSpec& spec = {}) {
    std::vector<JobId> opened;
    for (std::size_t job = 0; job < count; ++job) opened.push_back(open(spec));
    for (std::uint64_t batch = 0; batch < batches; ++batch) {
      for (const auto job : opened) submit(job, batch);
    }
  }
  void restart() {
    world.restart();
    producer = world.producer();
    worker = world.worker(1);
    hear(world.tick());
  }

  void hear(const std::vector<Send>& sends) {
    for (const auto& lease : all_of<wire::Lease>(sends)) {
      hear(world.say(worker, wire::Window{.lease = lease.lease, .chunks = 1, .bytes = 1U << 20U}));
    }
    for (const auto& run : all_of<wire::Run>(sends)) runs.push_back(run);
  }
  void offer(std::uint32_t sessions, std::uint64_t bytes) {
    hear(world.say(worker, wire::Offer{.cards = {{.kind = "cpu", .total_bytes = bytes, .free_bytes = bytes, .free_sessions = sessions}}}));
  }
  /// All that can run, one after the other; the most that was in memory meanwhile is in `most`.
  std::vector<Ran> run_all(std::uint32_t sessions = 1) {
    if (sessions > 0) offer(sessions, 1U << 30U);
    hear(world.pass(1s));
    std::vector<Ran> order;
    look();
    while (!runs.empty() || !world.wanted.empty()) {
      hear(world.deliver());
      look();
      for (const auto& run : std::exchange(runs, {})) {
        order.emplace_back(run.job.value, run.chunks.front().first);
        hear(world.say(worker, settle_of(run)));
        look();
      }
    }
    return order;
  }
  void look() { most = std::max(most, world.statistics().resident_bytes); }
  [[nodiscard]] std::uint64_t done() {
    std::uint64_t sum = 0;
    for (const auto job : jobs) sum += world.status(producer, job).done;
    return sum;
  }
  [[nodiscard]] std::vector<Ran> in_turns(std::uint64_t batches) const {
    std::vector<Ran> order;
    for (std::uint64_t batch = 0; batch < batches; ++batch) {
      for (const auto job : jobs) order.emplace_back(job.value, batch);
    }
    return order;
  }

  World world;
  PeerId producer;
  PeerId worker;
  std::vector<JobId> jobs;
  std::vector<wire::Run> runs;
  std::uint64_t most = 0;
};

struct ManyJobsWithoutRoom : ManyJobs {
  ManyJobsWithoutRoom() : ManyJobs(0) {}
};

/// What is fetched below the limit may end above it; the same for the eighth that is fetched ahead.
constexpr std::uint64_t kMostKept = 1'000 + 1'000 / 8 + kPayload;

TEST_F(ManyJobs, KeepNoMoreInMemoryThanThereIsRoomFor) {
  submit_jobs(100);
  EXPECT_LE(world.statistics().resident_bytes, 1'000U);
  EXPECT_TRUE(world.wanted.empty());
  EXPECT_EQ(run_all(), in_turns(1)) << "in the order they came";
  EXPECT_LE(most, kMostKept);
}

TEST_F(ManyJobs, AreFetchedByANewOwnerAsFarAsThereIsRoom) {
  submit_jobs(100, 3);
  restart();
  EXPECT_GE(world.wanted.size() * kPayload, 1'000U);
  EXPECT_LE(world.wanted.size() * kPayload, kMostKept);
  run_all();
  EXPECT_EQ(done(), 300U);
  EXPECT_LE(most, kMostKept);
}

TEST_F(ManyJobs, AreFetchedTogetherWhileASessionWorks) {
  submit_jobs(100, 3);
  run_all(3);
  EXPECT_EQ(done(), 300U);
  EXPECT_LE(most, kMostKept);
}

TEST_F(ManyJobsWithoutRoom, TakeTurns) {
  submit_jobs(5, 3);
  EXPECT_EQ(run_all(), in_turns(3));
  EXPECT_LE(most, 2 * kPayload) << "one that runs and one that is next";
}

TEST_F(ManyJobsWithoutRoom, OfEveryKindRunToTheirEnd) {
  for (const auto* pipeline : {"echo", "other"}) {
    for (const auto* queue : {"a", "b"}) {
      for (const auto priority : std::initializer_list<std::uint8_t>{2, 5}) {
        for (const std::uint64_t largest : {100, 200}) {
          for (int each = 0; each < 3; ++each) {
            const auto job = open({.queue = queue, .max_chunk_bytes = largest, .priority = priority}, pipeline);
            for (std::uint64_t batch = 0; batch < 3; ++batch) submit(job, batch);
          }
        }
      }
    }
  }
  run_all(4);
  EXPECT_EQ(done(), jobs.size() * 3);
}

TEST_F(ManyJobs, RunWhileAPausedQueueKeepsAllTheRoom) {
  submit_jobs(20, 2, {.queue = "paused"});
  world.say(producer, wire::Pause{.queue = "paused", .paused = true});
  ASSERT_EQ(world.statistics().resident_bytes, 1'000U);
  submit_jobs(20, 2, {.queue = "other"});
  run_all();
  EXPECT_EQ(done(), 40U);
  hear(world.say(producer, wire::Pause{.queue = "paused", .paused = false}));
  run_all(0);
  EXPECT_EQ(done(), 80U);
}

TEST_F(ManyJobs, RunWhileThoseOfAnotherPipelineFindNoCard) {
  for (int job = 0; job < 20; ++job) submit(open({.max_chunk_bytes = 4'000'000}, "large"), 0);
  ASSERT_EQ(world.statistics().resident_bytes, 1'000U);
  for (int job = 0; job < 20; ++job) submit(open(), 0);
  offer(1, 1'000'000);
  run_all(0);
  EXPECT_GE(done(), 20U);
}

TEST_F(ManyJobs, WaitInTheStoreWhileTheyAreHeld) {
  const auto held = open({.delay = 10s});
  submit(held, 0);
  EXPECT_EQ(world.statistics().resident_bytes, 0U);
  EXPECT_TRUE(world.wanted.empty());
  world.pass(10s);
  EXPECT_EQ(world.wanted.size(), 1U);
  EXPECT_EQ(run_all().size(), 1U);
}

TEST_F(ManyJobsWithoutRoom, GoOnWhenTheOneWhosePayloadIsOnItsWayIsCancelled) {
  submit_jobs(3);
  restart();
  ASSERT_EQ(world.wanted.size(), 1U);
  world.say(producer, wire::Cancel{.job = jobs[0]});
  world.say(producer, wire::Cancel{.job = jobs[1]});
  EXPECT_EQ(run_all(), (std::vector<Ran>{{jobs[2].value, 0}}));
}

TEST_F(ManyJobsWithoutRoom, GoOnWhenTheOnlyOneAtHandIsCancelled) {
  submit_jobs(3);
  ASSERT_TRUE(world.wanted.empty());
  world.say(producer, wire::Cancel{.job = jobs[0]});
  EXPECT_EQ(world.wanted.size(), 1U);
  EXPECT_EQ(run_all().size(), 2U);
}

TEST_F(ManyJobs, GetRoomByPriority) {
  submit_jobs(20, 1, {.priority = 7});
  submit_jobs(20, 1, {.priority = 3});
  restart();
  const auto is_late = [&](const RecordKey& key) { return std::ranges::find(jobs, JobId{.value = key.owner}) - jobs.begin() < 20; };
  EXPECT_EQ(std::ranges::count_if(world.wanted, is_late), 1) << "one, for a session that only they could use";
}

TEST_F(ManyJobs, AreAllSeenInTheAgeOfTheirQueue) {
  submit_jobs(100);
  world.now += 60s;
  restart();
  world.now += 5s;
  EXPECT_EQ(world.statistics().queues.front().status.oldest_ms, 5'000U);
}

}  // namespace
}  // namespace sublet::broker::testing
