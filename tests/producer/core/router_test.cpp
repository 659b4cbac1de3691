#include "producer/core/router.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "producer/core/merge.hpp"

namespace sublet::producer {
namespace {

using testing::ElementsAre;
using wire::Plane;

constexpr std::uint64_t kJobOfShard1 = 0x501;

struct Shards {
  Shards() {
    welcome.store = 1;
    welcome.shards = 4;
    welcome.spread = 2;
    welcome.heartbeat_ms = 1'000;
    welcome.credit_chunks = 100;
    welcome.credit_bytes = 1'000;
    welcome.max_batch_chunks = 100;
    welcome.max_batch_bytes = 1'000;
  }

  /// What is to be sent to that shard, of one type.
  template <class Message>
  std::vector<Message> sent(ShardNumber shard) {
    std::vector<Message> found;
    for (const auto& [number, effects] : router.step(now)) {
      for (const auto& send : effects.sends) {
        const auto* message = std::get_if<Message>(&send.message);
        if (number == shard && message != nullptr) found.push_back(*message);
      }
    }
    return found;
  }

  Connection& up(ShardNumber shard) {
    auto& connection = router.connection(shard, now);
    connection.receive(Plane::control, 0, welcome, {}, now);
    connection.receive(Plane::bulk, 0, welcome, {}, now);
    return connection;
  }

  Instant now{1'000s};
  wire::Welcome welcome;
  SeededRandom random{1};
  Router router{{.brokers = {"a", "b"}, .name = "test"}, random};
};

TEST(Router, OpensAJobBesideTheOneItRunsAfterWhereItsQueueIs) {
  const Layout layout{.shards = 4, .spread = 2};
  JobSpec spec;
  spec.idempotency_key = "k";
  const ShardNumber by_key = shard_of_key(layout, spec.queue, spec.idempotency_key);
  const auto shards = shards_of(layout, spec.queue);
  const ShardNumber other = shards[0] == by_key ? shards[1] : shards[0];
  EXPECT_EQ(shard_to_open(layout, spec), by_key);
  spec.after = {job_id(other, 0x500)};
  EXPECT_EQ(shard_to_open(layout, spec), other);
  const auto elsewhere = static_cast<ShardNumber>((shards[1] + 1) % layout.shards);
  spec.after = {job_id(elsewhere, 0x500)};
  EXPECT_EQ(shard_to_open(layout, spec), by_key);
}

TEST(Router, KnowsHowTheClusterIsCutFromTheFirstWelcome) {
  Shards fixture;
  EXPECT_EQ(fixture.router.layout(), std::nullopt);
  fixture.up(2);
  EXPECT_EQ(fixture.router.layout(), (Layout{.shards = 4, .spread = 2}));
}

TEST(Router, NamesTheShardOfEachConnectionUnderOneInstance) {
  Shards fixture;
  fixture.router.connection(0, fixture.now);
  fixture.router.connection(3, fixture.now);
  std::vector<wire::Hello> hellos;
  for (const auto& [shard, effects] : fixture.router.step(fixture.now)) {
    hellos.push_back(std::get<wire::Hello>(effects.sends.at(0).message));
    EXPECT_EQ(hellos.back().shard, shard);
  }
  ASSERT_EQ(hellos.size(), 2U);
  EXPECT_EQ(hellos[0].instance, hellos[1].instance);
}

TEST(Router, SendsAJobsChunksToItsShard) {
  Shards fixture;
  fixture.up(0);
  const auto job = fixture.up(1).adopt({kJobOfShard1});
  fixture.router.connection(*job).submit(job, {1}, as_view("payload"));
  EXPECT_EQ(fixture.sent<wire::Submit>(1).size(), 1U);
}

TEST(Router, GoesOnWithOneShardWhileAnotherIsNotServed) {
  Shards fixture;
  fixture.up(1);
  fixture.router.connection(2, fixture.now)
      .receive(Plane::control, 0, wire::ErrorReply{.code = ErrorCode::not_owner, .detail = "nobody has it"}, {}, fixture.now);
  EXPECT_TRUE(fixture.router.link(1).up());
  const auto job = fixture.router.connection(1, fixture.now).adopt({kJobOfShard1});
  fixture.router.connection(*job).submit(job, {1}, as_view("payload"));
  EXPECT_EQ(fixture.sent<wire::Submit>(1).size(), 1U);
}

TEST(Router, ConnectsAtOnceToTheOwnerAndRepeatsThereWhatWasNotAnswered) {
  Shards fixture;
  auto& connection = fixture.up(0);
  const auto job = connection.adopt({0x500});
  connection.submit(job, {1}, as_view("payload"));
  EXPECT_EQ(fixture.sent<wire::Submit>(0).size(), 1U);
  connection.receive(Plane::control, 0, wire::ErrorReply{.code = ErrorCode::not_owner, .detail = "moved", .owner = "c"}, {}, fixture.now);
  const auto effects = fixture.router.step(fixture.now);
  ASSERT_EQ(effects.size(), 1U);
  EXPECT_TRUE(effects[0].effects.close);
  EXPECT_EQ(effects[0].effects.connect, "c");
  fixture.up(0);
  EXPECT_EQ(fixture.sent<wire::Submit>(0).size(), 1U);
}

TEST(Router, TriesTheNextBrokerWhenOneIsSilent) {
  Shards fixture;
  fixture.up(0);
  for (int beat = 0; beat < 3; ++beat) {
    fixture.now += 1s;
    (void)fixture.router.step(fixture.now);
  }
  EXPECT_FALSE(fixture.router.link(0).up());
  EXPECT_EQ(fixture.router.link(0).broker(), "b");
}

TEST(Router, RefusesAJobOfAShardThatThereIsNot) {
  Shards fixture;
  fixture.up(0);
  EXPECT_TRUE(fixture.router.check({0x503}));
  const auto refused = fixture.router.check({0x504});
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, ErrorCode::not_found);
}

TEST(Merge, ListsTheNewestJobsOfAllShardsFirst) {
  std::vector<wire::Listed> listed(2);
  for (const std::uint64_t age : {10, 30}) listed[0].jobs.push_back({.id = {age}, .age_ms = age});
  for (const std::uint64_t age : {20, 40}) listed[1].jobs.push_back({.id = {age}, .age_ms = age});
  std::vector<std::uint64_t> ages;
  for (const auto& job : merge_jobs(listed, 3)) ages.push_back(job.age_ms);
  EXPECT_THAT(ages, ElementsAre(10, 20, 30));
}

TEST(Merge, SumsAQueueOverItsShards) {
  std::vector<wire::Listed> listed(2);
  listed[0].queues = {{.name = "q", .paused = true, .jobs = 1, .held = 2, .ready = 5, .dead_bytes = 40, .oldest_ms = 7}};
  listed[1].queues = {{.name = "other"}, {.name = "q", .paused = true, .jobs = 2, .held = 1, .ready = 6, .dead_bytes = 2, .oldest_ms = 3}};
  const auto merged = merge_queues(listed);
  ASSERT_EQ(merged.size(), 2U);
  EXPECT_EQ(merged[1],
            (wire::QueueStatus{.name = "q", .paused = true, .jobs = 3, .held = 3, .ready = 11, .dead_bytes = 42, .oldest_ms = 7}));
}

TEST(Merge, TakesAQueueForPausedOnlyWhenItIsEverywhere) {
  std::vector<wire::Listed> listed(2);
  listed[0].queues = {{.name = "q", .paused = true}};
  listed[1].queues = {{.name = "q", .paused = false}};
  EXPECT_FALSE(merge_queues(listed).at(0).paused);
}

TEST(Merge, CountsAWorkersCardsOnceAndItsLeasesOfAllShards) {
  std::vector<wire::Listed> listed(2);
  listed[0].workers = {{.name = "w", .cards = 2, .total_bytes = 100, .free_bytes = 10, .leases = 1, .mps_leases = 1, .done = 4}};
  listed[1].workers = {
      {.name = "w", .cards = 2, .total_bytes = 100, .free_bytes = 20, .leases = 2, .mps_leases = 1, .mps = true, .done = 5}};
  EXPECT_THAT(merge_workers(listed),
              ElementsAre(wire::WorkerStatus{
                  .name = "w", .cards = 2, .total_bytes = 100, .free_bytes = 30, .leases = 3, .mps_leases = 2, .mps = true, .done = 9}));
}

TEST(Merge, KeepsTwoWorkersOfOneNameApart) {
  std::vector<wire::Listed> listed(1);
  listed[0].workers = {{.name = "w"}, {.name = "w"}};
  EXPECT_EQ(merge_workers(listed).size(), 2U);
}

}  // namespace
}  // namespace sublet::producer
