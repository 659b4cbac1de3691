// Dead chunks that are run again, ended jobs that are forgotten, and what a job leaves behind.

#include <set>

#include <gtest/gtest.h>

#include "broker/core/queue.hpp"
#include "tests/broker/core/world.hpp"

namespace sublet::broker::testing {
namespace {

struct Keeping : ::testing::Test {
  explicit Keeping(BrokerOptions options = {}) : world(options) {
    producer = world.producer();
    worker = world.worker(1);
    world.offer(worker, 4);
  }

  JobId best_effort() { return world.open(producer, {.policy = PolicyKind::best_effort}); }
  std::vector<Send> say(wire::Message message, Blob payload = {}) {
    auto sends = world.say(producer, std::move(message), std::move(payload));
    hear(sends);
    return sends;
  }
  void submit(JobId job, ChunkRange chunks, std::uint32_t size = 4) { hear(world.submit(producer, job, chunks, size)); }
  void close(JobId job) { say(wire::Close{.job = job}); }
  void hear(const std::vector<Send>& sends) {
    for (const auto& lease : all_of<wire::Lease>(sends)) {
      hear(world.say(worker, wire::Window{.lease = lease.lease, .chunks = 100, .bytes = 1U << 20U}));
    }
    for (const auto& run : all_of<wire::Run>(sends)) {
      auto settle = settle_of(run, code, output_bytes);
      if (code != ErrorCode::ok) settle.details = {{.index = 0, .detail = std::string(text, 'x')}};
      std::size_t bytes = 0;
      for (const auto length : settle.lengths.values) bytes += length;
      runs += chunk_count(run.chunks);
      hear(world.say(worker, settle, zeros(bytes)));
    }
  }

  std::vector<Send> replay(JobId job, bool again = false, std::string key = "") {
    const auto& record = std::get<JobRecord>(world.records.at({.kind = RecordKind::job, .owner = job.value}));
    auto spec = record.spec;
    spec.idempotency_key = std::move(key);
    return say(wire::Replay{.job = job, .again = again, .spec = spec});
  }
  static ErrorCode error_of(const std::vector<Send>& sends) {
    const auto errors = all_of<wire::ErrorReply>(sends);
    return errors.empty() ? ErrorCode::ok : errors.front().code;
  }
  std::vector<wire::DeadClass> dead(JobId job = {}) { return all_of<wire::DeadListed>(say(wire::DeadQuery{.job = job})).at(0).classes; }
  bool is_known(JobId job) { return error_of(say(wire::Watch{.job = job})) == ErrorCode::ok; }

  World world;
  PeerId producer;
  PeerId worker;
  ErrorCode code = ErrorCode::ok;
  std::uint32_t output_bytes = 2;
  std::size_t text = 4;
  std::uint64_t runs = 0;
};

TEST_F(Keeping, RunsDeadChunksAgainInANewJobUnderTheirIds) {
  code = ErrorCode::launch_failed;
  const auto job = best_effort();
  submit(job, {.first = 7, .count = 3});
  close(job);
  EXPECT_EQ(world.status(producer, job).dead, 3U);
  code = ErrorCode::ok;
  const auto opened = all_of<wire::Opened>(replay(job));
  ASSERT_EQ(opened.size(), 1U);
  EXPECT_EQ(opened[0].accepted, 3U);
  const auto status = world.status(producer, opened[0].job);
  EXPECT_EQ(status.state, JobState::done);
  EXPECT_EQ(status.done, 3U);
  EXPECT_EQ(status.origin, job);
  std::set<std::uint64_t> ids;
  for (const auto& output : all_of<wire::Output>(say(wire::Read{.job = opened[0].job, .chunks = 10, .bytes = 100}))) {
    for (const auto& range : output.chunks) {
      for (std::uint64_t step = 0; step < range.count; ++step) ids.insert(range.first + step);
    }
  }
  EXPECT_EQ(ids, (std::set<std::uint64_t>{7, 8, 9}));
}

TEST_F(Keeping, RunsNoDeadChunkTwiceUnlessAskedTo) {
  code = ErrorCode::launch_failed;
  const auto job = best_effort();
  submit(job, {.first = 0, .count = 3});
  code = ErrorCode::ok;
  EXPECT_EQ(error_of(replay(job)), ErrorCode::ok);
  EXPECT_EQ(runs, 6U);
  EXPECT_EQ(error_of(replay(job)), ErrorCode::not_found);
  EXPECT_EQ(runs, 6U);
  EXPECT_EQ(error_of(replay(job, true)), ErrorCode::ok);
  EXPECT_EQ(runs, 9U);
}

TEST_F(Keeping, RunsNoDeadChunkTwiceAfterARestart) {
  code = ErrorCode::launch_failed;
  const auto job = best_effort();
  submit(job, {.first = 0, .count = 3});
  code = ErrorCode::ok;
  replay(job);
  world.restart();
  producer = world.producer();
  EXPECT_EQ(error_of(replay(job)), ErrorCode::not_found);
  EXPECT_EQ(dead(job).at(0).replayed, 3U);
}

TEST_F(Keeping, AnswersARepeatedReplayWithTheSameJob) {
  code = ErrorCode::launch_failed;
  const auto job = best_effort();
  submit(job, {.first = 0, .count = 3});
  code = ErrorCode::ok;
  const auto first = all_of<wire::Opened>(replay(job, false, "k")).at(0);
  const auto second = all_of<wire::Opened>(replay(job, false, "k")).at(0);
  EXPECT_EQ(second.job, first.job);
  EXPECT_TRUE(second.resumed);
  EXPECT_EQ(runs, 6U);
}

TEST_F(Keeping, ReplaysByAnotherPipeline) {
  code = ErrorCode::launch_failed;
  const auto job = best_effort();
  submit(job, {.first = 0, .count = 3});
  code = ErrorCode::ok;
  const auto bundle = test_bundle("fixed");
  const auto opened =
      all_of<wire::Opened>(say(wire::Replay{.job = job, .spec = {.pipeline = bundle.hash, .max_chunk_bytes = 64}}, bundle.bytes));
  ASSERT_EQ(opened.size(), 1U);
  EXPECT_EQ(world.status(producer, opened[0].job).done, 3U);
}

TEST_F(Keeping, KeepsTheBundleAsLongAsItsDeadChunks) {
  code = ErrorCode::launch_failed;
  const auto job = world.open(producer, {.ttl = 2h});
  submit(job, {.first = 0, .count = 1});
  hear(world.pass(1h));
  code = ErrorCode::ok;
  EXPECT_EQ(error_of(replay(job)), ErrorCode::ok);
  EXPECT_EQ(runs, 2U);
}

TEST_F(Keeping, ForgetsDeadChunksOnRequest) {
  code = ErrorCode::launch_failed;
  const auto job = best_effort();
  submit(job, {.first = 0, .count = 5});
  const auto remove = [&](std::vector<ChunkRange> chunks) {
    return all_of<wire::Removed>(say(wire::Remove{.job = job, .select = {.codes = {}, .chunks = std::move(chunks)}})).at(0).chunks;
  };
  EXPECT_EQ(remove({{.first = 1, .count = 2}}), 2U);
  EXPECT_EQ(dead(job).at(0).chunks, 3U);
  EXPECT_EQ(remove({}), 3U);
  EXPECT_TRUE(dead(job).empty());
  for (const auto& [key, value] : world.records) {
    EXPECT_NE(key.kind, RecordKind::dead);
    EXPECT_NE(key.kind, RecordKind::dead_bytes);
  }
}

struct KeepingLittle : Keeping {
  KeepingLittle() : Keeping({.dead_budget_bytes = {600}, .event_budget_bytes = {1000}, .ended_jobs_bytes = {250}}) {}
};

TEST_F(KeepingLittle, KeepsNoPayloadBeyondTheBudgetAndSaysSo) {
  code = ErrorCode::launch_failed;
  const auto job = best_effort();
  submit(job, {.first = 0, .count = 1}, 400);
  submit(job, {.first = 1, .count = 1}, 400);
  EXPECT_EQ(dead(job).at(0).chunks, 2U);
  EXPECT_EQ(dead(job).at(0).bytes, 400U);
  EXPECT_EQ(error_of(replay(job)), ErrorCode::payload_lost);
  EXPECT_EQ(world.status(producer, job).dead, 2U);
}

TEST_F(KeepingLittle, SettlesErrorsWithoutTheirTextBeyondTheBudget) {
  code = ErrorCode::launch_failed;
  text = 700;
  const auto job = best_effort();
  submit(job, {.first = 0, .count = 1});
  submit(job, {.first = 1, .count = 1});
  const auto outputs = all_of<wire::Output>(say(wire::Read{.job = job, .chunks = 10, .bytes = 100}));
  ASSERT_EQ(outputs.size(), 2U);
  EXPECT_EQ(outputs[0].details.size(), 1U);
  EXPECT_TRUE(outputs[1].details.empty());
  EXPECT_EQ(outputs[1].codes.values, std::vector<std::uint16_t>{501});
}

TEST_F(KeepingLittle, RefusesWatchersBeyondTheBudgetUntilOneGoes) {
  const auto job = best_effort();
  std::vector<PeerId> watching;
  for (int count = 0; count < 3; ++count) {
    watching.push_back(world.producer());
    EXPECT_EQ(error_of(world.say(watching.back(), wire::Watch{.job = job, .follow = true})), ErrorCode::ok);
  }
  const auto late = world.producer();
  EXPECT_EQ(error_of(world.say(late, wire::Watch{.job = job, .follow = true})), ErrorCode::resource_exhausted);
  std::vector<Input> gone;
  gone.emplace_back(PeerGone{.peer = watching.front()});
  world.step(std::move(gone));
  EXPECT_EQ(error_of(world.say(late, wire::Watch{.job = job, .follow = true})), ErrorCode::ok);
}

TEST_F(KeepingLittle, ForgetsFirstTheJobThatEndedFirstWhenOutputsOfEndedJobsTakeTooMuch) {
  output_bytes = 100;
  std::vector<JobId> jobs;
  for (int count = 0; count < 3; ++count) {
    jobs.push_back(best_effort());
    submit(jobs.back(), {.first = 0, .count = 1});
    close(jobs.back());
  }
  EXPECT_FALSE(is_known(jobs[0]));
  EXPECT_TRUE(is_known(jobs[1]));
  EXPECT_TRUE(is_known(jobs[2]));
}

TEST_F(KeepingLittle, KeepsAnEndedJobThatIsBeingRead) {
  output_bytes = 200;
  const auto read = best_effort();
  say(wire::Read{.job = read, .chunks = 10, .bytes = 1000});
  submit(read, {.first = 0, .count = 1});
  close(read);
  const auto other = best_effort();
  submit(other, {.first = 0, .count = 1});
  close(other);
  EXPECT_TRUE(is_known(read));
  EXPECT_FALSE(is_known(other));
}

TEST_F(Keeping, J5_TeardownRemovesEveryRecordOfAJob) {
  const auto before = world.records;
  code = ErrorCode::launch_failed;
  const auto job = world.open(producer, {.policy = PolicyKind::best_effort, .delay = 1s, .deadline = 1h});
  submit(job, {.first = 0, .count = 3});
  hear(world.pass(1s));
  world.say(producer, wire::Pause{.queue = "default", .paused = true});
  submit(job, {.first = 10, .count = 3});
  EXPECT_GT(world.records.size(), before.size() + 8) << "batch, payload, runs, ids, outputs, dead chunks, lease and bundle";
  world.say(producer, wire::Pause{.queue = "default", .paused = false});
  world.records.erase({.kind = RecordKind::queue, .owner = queue_hash("default")});
  const auto job2 = world.open(producer);
  const auto first = all_of<wire::Removed>(say(wire::Teardown{.job = job2}));
  EXPECT_TRUE(first.at(0).found);
  EXPECT_TRUE(all_of<wire::Removed>(say(wire::Teardown{.job = job})).at(0).found);
  for (const auto& [key, value] : world.records) ADD_FAILURE() << "kind " << static_cast<int>(key.kind) << " is left";
}

TEST_F(Keeping, J5_TeardownTwiceIsTeardownOnce) {
  const auto job = best_effort();
  submit(job, {.first = 0, .count = 3});
  EXPECT_TRUE(all_of<wire::Removed>(say(wire::Teardown{.job = job})).at(0).found);
  const auto again = all_of<wire::Removed>(say(wire::Teardown{.job = job}));
  ASSERT_EQ(again.size(), 1U);
  EXPECT_FALSE(again[0].found);
}

TEST_F(Keeping, J5_TeardownLeavesOtherJobsOfThePipelineAlone) {
  const auto job = best_effort();
  const auto other = best_effort();
  submit(other, {.first = 0, .count = 3});
  say(wire::Teardown{.job = job});
  submit(other, {.first = 3, .count = 3});
  EXPECT_EQ(world.status(producer, other).done, 6U);
}

}  // namespace
}  // namespace sublet::broker::testing
