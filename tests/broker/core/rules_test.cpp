// The promises of the core that span many steps, one fact each. The scripts beside this file show single decisions.

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/broker/core/world.hpp"

namespace sublet::broker::testing {
namespace {

/// A worker with its sessions: brings up whatever it is leased and hands every RUN to the test.
struct Bench {
  World& world;
  PeerId peer;
  std::vector<wire::Run> runs;
  std::vector<wire::Lease> leases;

  void hear(const std::vector<Send>& sends) {
    auto pending = sends;
    for (std::size_t index = 0; index < pending.size(); ++index) {
      const auto message = pending[index].message;
      if (const auto* run = std::get_if<wire::Run>(&message)) runs.push_back(*run);
      const auto* lease = std::get_if<wire::Lease>(&message);
      if (lease == nullptr) continue;
      leases.push_back(*lease);
      for (auto& send : world.say(peer, wire::Window{.lease = lease->lease, .chunks = 64, .bytes = 1U << 20U})) pending.push_back(send);
    }
  }
  void settle(const wire::Run& run, ErrorCode code = ErrorCode::ok, std::uint32_t size = 4) {
    hear(world.say(peer, settle_of(run, code, size), zeros(code == ErrorCode::ok ? run.lengths.values.size() * size : 0)));
  }
  void settle_all() {
    while (!runs.empty()) {
      const auto run = runs.front();
      runs.erase(runs.begin());
      settle(run);
    }
  }
};

TEST(BrokerCore, WakesAWaitingChunkAfterATakeoverByAHostWhoseClockIsFarBehind) {
  World world;
  world.now = Instant(1h);
  const auto producer = world.producer();
  Bench bench{.world = world, .peer = world.worker(1)};
  world.offer(bench.peer, 1);
  const auto job = world.open(producer, {.open_timeout = 2h});
  bench.hear(world.submit(producer, job, {.first = 5, .count = 1}));
  ASSERT_EQ(bench.runs.size(), 1U);
  bench.settle(bench.runs.front(), ErrorCode::transient);
  const auto reader = [&] { return world.status(world.producer(), job); };
  ASSERT_EQ(reader().waiting, 1U);

  world.now = Instant(1s);
  world.restart();
  EXPECT_EQ(reader().waiting, 1U);
  world.pass(24s);
  EXPECT_EQ(reader().ready, 1U);
}

TEST(BrokerCore, TakesABatchLargerThanTheBudgetWhenNothingElseIsStored) {
  World world({.input_budget_chunks = 3});
  const auto producer = world.producer();
  const auto job = world.open(producer, {.open_timeout = 1h});
  EXPECT_EQ(all_of<wire::Accepted>(world.submit(producer, job, {.first = 0, .count = 5})).size(), 1U);
  EXPECT_EQ(all_of<wire::ErrorReply>(world.submit(producer, job, {.first = 5, .count = 1})).size(), 1U);
}

TEST(BrokerCore, J3_AlwaysTransientChunkRunsFourTimes) {
  World world;
  const auto producer = world.producer();
  Bench bench{.world = world, .peer = world.worker(1)};
  world.offer(bench.peer, 1);
  const auto job = world.open(producer, {.open_timeout = 1h});
  bench.hear(world.submit(producer, job, {.first = 5, .count = 1}));
  std::vector<Millis> waits;
  for (int attempt = 1; attempt <= 4; ++attempt) {
    ASSERT_EQ(bench.runs.size(), 1U) << "attempt " << attempt;
    const auto run = bench.runs.front();
    bench.runs.clear();
    bench.settle(run, ErrorCode::transient);
    const auto failed = world.now;
    for (int tenths = 0; tenths < 200 && bench.runs.empty(); ++tenths) {
      bench.hear(world.pass(100ms));
      // Renewed like a real one, so that only the backoff is measured.
      if (!bench.leases.empty()) {
        wire::Renew renew;
        for (const auto& lease : bench.leases) renew.leases.push_back({.lease = lease.lease, .token = lease.token});
        for (const auto& run_held : bench.runs) renew.leases.front().grants.push_back(run_held.grant.value);
        world.say(bench.peer, renew);
      }
      world.offer(bench.peer, 1, 1U << 30U, bench.leases.size());
    }
    if (!bench.runs.empty()) waits.push_back(std::chrono::duration_cast<Millis>(world.now - failed));
  }
  ASSERT_EQ(waits.size(), 3U);
  EXPECT_GE(waits[0], 1s);
  EXPECT_GE(waits[1], 2s);
  EXPECT_GE(waits[2], 4s);
  EXPECT_LT(waits[2], 7s);
  const auto status = world.status(producer, job);
  EXPECT_EQ(status.state, JobState::failed);
  EXPECT_EQ(status.error, ErrorCode::transient);
  EXPECT_EQ(status.dead, 1U);
  EXPECT_EQ(status.retries, 3U);
}

TEST(BrokerCore, L4_ThirtySevenLeasesForAHundredChunks) {
  World world;
  const auto producer = world.producer();
  Bench bench{.world = world, .peer = world.worker(1)};
  world.offer(bench.peer, 37);
  const auto job = world.open(producer);
  bench.hear(world.submit(producer, job, {.first = 0, .count = 100}));
  EXPECT_EQ(bench.leases.size(), 37U);
  bench.settle_all();
  world.say(producer, wire::Close{.job = job});
  const auto status = world.status(producer, job);
  EXPECT_EQ(status.state, JobState::done);
  EXPECT_EQ(status.done, 100U);
  EXPECT_GT(status.sessions, 30U);
}

TEST(BrokerCore, E1_AnExpiredLeasesChunksRunOnAnotherLease) {
  World world;
  const auto producer = world.producer();
  Bench first{.world = world, .peer = world.worker(1)};
  world.offer(first.peer, 1);
  const auto job = world.open(producer);
  first.hear(world.submit(producer, job, {.first = 0, .count = 1}));
  ASSERT_EQ(first.runs.size(), 1U);
  Bench second{.world = world, .peer = world.worker(2)};
  world.offer(second.peer, 1);
  const auto sends = world.pass(31s);
  const auto released = all_of<wire::Release>(sends);
  ASSERT_EQ(released.size(), 1U);
  EXPECT_EQ(released.front().code, ErrorCode::lease_expired);
  second.hear(sends);
  ASSERT_EQ(second.runs.size(), 1U);
  // The late result of the first lease changes nothing.
  const auto late = all_of<wire::Settled>(world.say(first.peer, settle_of(first.runs.front(), ErrorCode::ok, 4), zeros(4)));
  ASSERT_EQ(late.size(), 1U);
  EXPECT_EQ(late.front().code, ErrorCode::stale);
  EXPECT_EQ(world.status(producer, job).done, 0U);
  second.settle_all();
  const auto status = world.status(producer, job);
  EXPECT_EQ(status.done, 1U);
}

TEST(BrokerCore, LeaseThatIsRenewedNeverExpires) {
  World world;
  const auto producer = world.producer();
  Bench bench{.world = world, .peer = world.worker(1)};
  world.offer(bench.peer, 1);
  const auto job = world.open(producer);
  bench.hear(world.submit(producer, job, {.first = 0, .count = 1}));
  ASSERT_EQ(bench.runs.size(), 1U);
  for (int round = 0; round < 20; ++round) {
    const auto sends = world.pass(10s);
    EXPECT_TRUE(all_of<wire::Release>(sends).empty());
    wire::Renew renew{.leases = {{.lease = bench.leases[0].lease, .token = bench.leases[0].token, .grants = {bench.runs[0].grant.value}}}};
    EXPECT_EQ(all_of<wire::Renewed>(world.say(bench.peer, renew)).front().leases.size(), 1U);
  }
  EXPECT_EQ(world.status(producer, job).leased, 1U);
}

TEST(BrokerCore, ProducerThatNeverReturnsLeavesAJobThatEnds) {
  World world;
  const auto producer = world.producer();
  Bench bench{.world = world, .peer = world.worker(1)};
  world.offer(bench.peer, 1);
  const auto job = world.open(producer);
  bench.hear(world.submit(producer, job, {.first = 0, .count = 10}));
  bench.settle_all();
  std::vector<Input> gone;
  gone.emplace_back(PeerGone{.peer = producer});
  world.step(std::move(gone));
  world.pass(11min);
  const auto other = world.producer();
  EXPECT_EQ(world.status(other, job).state, JobState::done);
}

TEST(BrokerCore, ChunkThatEndsItsSessionsRunsAloneAndThenIsPoison) {
  World world;
  const auto producer = world.producer();
  Bench bench{.world = world, .peer = world.worker(1)};
  world.offer(bench.peer, 1);
  const auto job = world.open(producer, {.policy = PolicyKind::best_effort});
  bench.hear(world.submit(producer, job, {.first = 9, .count = 1}));
  for (int death = 1; death <= 3; ++death) {
    ASSERT_EQ(bench.runs.size(), 1U);
    const auto run = bench.runs.front();
    bench.runs.clear();
    EXPECT_EQ(run.alone, death == 3);
    bench.settle(run, ErrorCode::session_lost);
  }
  EXPECT_TRUE(bench.runs.empty());
  const auto outputs = all_of<wire::Output>(world.say(producer, wire::Read{.job = job, .chunks = 10, .bytes = 1000}));
  ASSERT_EQ(outputs.size(), 1U);
  EXPECT_EQ(outputs[0].codes.values, std::vector<std::uint16_t>{static_cast<std::uint16_t>(ErrorCode::poison)});
  EXPECT_NE(outputs[0].details[0].detail.find("3 times"), std::string::npos);
}

TEST(BrokerCore, AloneChunkSharesItsLeaseWithNothing) {
  World world;
  const auto producer = world.producer();
  Bench bench{.world = world, .peer = world.worker(1)};
  world.offer(bench.peer, 1);
  const auto job = world.open(producer, {.policy = PolicyKind::best_effort});
  bench.hear(world.submit(producer, job, {.first = 0, .count = 40}));
  std::uint64_t finished = 0;
  bool ran_alone = false;
  for (int round = 0; round < 200 && !bench.runs.empty(); ++round) {
    const auto run = bench.runs.front();
    bench.runs.erase(bench.runs.begin());
    if (run.alone) {
      ran_alone = true;
      EXPECT_EQ(run.lengths.values.size(), 1U);
      EXPECT_TRUE(bench.runs.empty()) << "other work is with the session of a chunk that runs alone";
    }
    auto settle = settle_of(run, ErrorCode::ok, 0);
    if (run.chunks.front().first == 0) {
      settle.codes.values.assign(run.lengths.values.size(), 0);
      settle.codes.values.front() = static_cast<std::uint16_t>(ErrorCode::session_lost);
    }
    finished += run.lengths.values.size();
    bench.hear(world.say(bench.peer, settle));
  }
  EXPECT_TRUE(ran_alone);
  EXPECT_EQ(finished, 42U);
  const auto status = world.status(producer, job);
  EXPECT_EQ(status.done, 39U);
  EXPECT_EQ(status.dead, 1U);
}

TEST(BrokerCore, QueueFullOfUntakenOutputsGrantsNothingUntilTheyAreTaken) {
  World world({.output_budget_bytes = Bytes{100}});
  const auto producer = world.producer();
  Bench bench{.world = world, .peer = world.worker(1)};
  world.offer(bench.peer, 1);
  const auto job = world.open(producer);
  bench.hear(world.submit(producer, job, {.first = 0, .count = 1000}));
  while (!bench.runs.empty()) {
    const auto run = bench.runs.front();
    bench.runs.erase(bench.runs.begin());
    bench.settle(run, ErrorCode::ok, 4);
  }
  const auto stuck = world.status(producer, job);
  EXPECT_LT(stuck.done, 1000U);
  EXPECT_EQ(stuck.leased, 0U);
  bench.hear(world.say(producer, wire::Taken{.job = job, .cursor = stuck.last_output}));
  EXPECT_FALSE(bench.runs.empty());
}

TEST(BrokerCore, PipelineThatCannotLoadEndsItsJobs) {
  World world;
  const auto producer = world.producer();
  const auto worker = world.worker(1);
  world.offer(worker, 2);
  const auto job = world.open(producer);
  const auto leases = all_of<wire::Lease>(world.submit(producer, job, {.first = 0, .count = 1}));
  ASSERT_EQ(leases.size(), 1U);
  world.say(worker, wire::Release{.lease = leases[0].lease, .code = ErrorCode::load_failed, .detail = "opcode foo"});
  const auto status = world.status(producer, job);
  EXPECT_EQ(status.state, JobState::failed);
  EXPECT_EQ(status.error, ErrorCode::load_failed);
  EXPECT_EQ(status.error_detail, "opcode foo");
}

TEST(BrokerCore, BusyPipelineGivesASessionToOneThatHasNone) {
  World world;
  const auto producer = world.producer();
  Bench bench{.world = world, .peer = world.worker(1)};
  world.offer(bench.peer, 2);
  const auto first = world.open(producer, {}, "first");
  bench.hear(world.submit(producer, first, {.first = 0, .count = 1000}));
  ASSERT_EQ(bench.leases.size(), 2U);
  const auto second = world.open(producer, {}, "second");
  bench.hear(world.submit(producer, second, {.first = 0, .count = 1}));
  bench.hear(world.pass(100ms));
  // The session that gives way finishes what it has, then is released; the worker offers its place again.
  std::vector<Send> released;
  for (int round = 0; round < 20 && released.empty(); ++round) {
    const auto run = bench.runs.front();
    bench.runs.erase(bench.runs.begin());
    const auto sends = world.say(bench.peer, settle_of(run));
    bench.hear(sends);
    for (const auto& send : sends) {
      if (std::holds_alternative<wire::Release>(send.message)) released.push_back(send);
    }
  }
  ASSERT_EQ(released.size(), 1U);
  bench.hear(
      world.say(bench.peer,
                wire::Offer{.seen = 2, .cards = {{.kind = "cpu", .total_bytes = 1U << 30U, .free_bytes = 1U << 30U, .free_sessions = 1}}}));
  ASSERT_EQ(bench.leases.size(), 3U);
  EXPECT_EQ(bench.leases[2].pipeline, test_bundle("second").hash);
}

TEST(BrokerCore, GivesAJobAnIdThatNamesItsShard) {
  const auto home = shards_of({.shards = 4}, "default").front();
  World world({.shard = home, .layout = {.shards = 4}});
  EXPECT_EQ(shard_of(world.open(world.producer())), home);
}

TEST(BrokerCore, RefusesAJobWhoseQueueIsInAnotherShardAndNamesThatOne) {
  const auto home = shards_of({.shards = 4}, "default").front();
  World world({.shard = static_cast<ShardNumber>((home + 1) % 4), .layout = {.shards = 4}});
  const auto bundle = test_bundle("echo");
  const auto sends = world.say(world.producer(), wire::Open{.spec = {.queue = "default", .pipeline = bundle.hash}}, bundle.bytes);
  const auto errors = all_of<wire::ErrorReply>(sends);
  ASSERT_EQ(errors.size(), 1U);
  EXPECT_EQ(errors.front().code, ErrorCode::bad_argument);
  EXPECT_THAT(errors.front().detail, ::testing::HasSubstr(fmt::format("but in {};", home)));
}

TEST(BrokerCore, SaysWhatItWantsUntilItHasIt) {
  World world;
  const auto producer = world.producer();
  const auto worker = world.worker(1);
  const auto job = world.open(producer);
  const auto wanted = all_of<wire::Want>(world.submit(producer, job, {.first = 0, .count = 1}));
  ASSERT_EQ(wanted.size(), 1U);
  EXPECT_EQ(wanted.front().sessions, 1U);
  EXPECT_GT(wanted.front().bytes, 0U);
  const auto offered = world.say(
      worker, wire::Offer{.seen = 0, .cards = {{.index = 0, .total_bytes = 1U << 30U, .free_bytes = 1U << 30U, .free_sessions = 1}}});
  EXPECT_EQ(all_of<wire::Lease>(offered).size(), 1U);
  EXPECT_EQ(all_of<wire::Want>(offered), std::vector{wire::Want{}});
}

TEST(BrokerCore, TellsAWorkerThatComesLaterWhatIsWanted) {
  World world;
  const auto producer = world.producer();
  world.submit(producer, world.open(producer), {.first = 0, .count = 5});
  const auto sends = world.say({99}, wire::Hello{.role = wire::Role::worker, .instance = 7});
  const auto wanted = all_of<wire::Want>(sends);
  ASSERT_EQ(wanted.size(), 1U);
  EXPECT_EQ(wanted.front().sessions, 8U) << "five, rounded up to a power of two so that it changes seldom";
}

TEST(BrokerCore, DoesNotRepeatWhatItWants) {
  World world;
  const auto producer = world.producer();
  world.worker(1);
  const auto job = world.open(producer);
  world.submit(producer, job, {.first = 0, .count = 5});
  EXPECT_TRUE(all_of<wire::Want>(world.submit(producer, job, {.first = 5, .count = 1})).empty());
  EXPECT_EQ(all_of<wire::Want>(world.submit(producer, job, {.first = 6, .count = 4})).size(), 1U);
}

TEST(BrokerCore, TellsAWatcherOfAnEndThatCameInTheStepOfItsWatch) {
  World world;
  const auto first = world.producer();
  const auto second = world.producer();
  const auto job = world.open(first, {.deadline = 100ms});
  world.say(first, wire::Watch{.job = job, .follow = true, .interval_ms = 200});
  world.submit(first, job, {.first = 0, .count = 2});

  // A broker that was held up: first the deadline passed, then it was time to tell the first watcher.
  world.now += 3s;
  const auto sends = world.step({Received{.peer = second, .request = 8, .message = wire::Watch{.job = job, .follow = true}}}).sends;
  std::map<PeerId, JobState> last;
  for (const auto& send : sends) {
    if (const auto* event = std::get_if<wire::Event>(&send.message)) last[send.peer] = event->job.state;
  }
  EXPECT_EQ(last, (std::map<PeerId, JobState>{{first, JobState::failed}, {second, JobState::failed}}));
}

}  // namespace
}  // namespace sublet::broker::testing
