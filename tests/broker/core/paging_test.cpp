// Payloads wait in the store when memory has no room for them, and come back in their turn.

#include <gtest/gtest.h>

#include "tests/broker/core/world.hpp"

namespace sublet::broker::testing {
namespace {

constexpr std::uint32_t kSize = 100;

BrokerOptions room_for(std::uint64_t bytes) { return {.resident_bytes = Bytes{bytes}, .least_paged_bytes = Bytes{1}}; }

/// A producer with a job, and a worker whose session takes as much as there is.
struct Paging : ::testing::Test {
  explicit Paging(std::uint64_t room = 0) : world(room_for(room), true), producer(world.producer()), worker(world.worker(1)) {
    job = world.open(producer);
  }

  void submit(std::uint64_t first, std::uint64_t count) { hear(world.submit(producer, job, {.first = first, .count = count}, kSize)); }
  /// A new broker has none of the payloads, and asks for the first.
  void begin_again() {
    world.restart();
    producer = world.producer();
    world.tick();
    ASSERT_EQ(world.wanted.size(), 1U);
    EXPECT_EQ(world.wanted.front().item, 1U);
  }
  void open_session() {
    const std::uint64_t bytes = 1U << 30U;
    hear(world.say(worker, wire::Offer{.cards = {{.kind = "cpu", .total_bytes = bytes, .free_bytes = bytes, .free_sessions = 1}}}));
    hear(world.deliver());
    ASSERT_EQ(leases.size(), 1U);
    hear(world.say(worker, wire::Window{.lease = leases[0].lease, .chunks = 4096, .bytes = 1U << 20U}));
  }
  void hear(const std::vector<Send>& sends) {
    for (const auto& lease : all_of<wire::Lease>(sends)) leases.push_back(lease);
    for (const auto& send : sends) {
      const auto* run = std::get_if<wire::Run>(&send.message);
      if (run == nullptr) continue;
      runs.push_back(*run);
      std::size_t bytes = 0;
      for (const auto& piece : send.payload) bytes += piece.size();
      EXPECT_EQ(bytes, run->lengths.values.size() * kSize) << "a RUN without its payload";
    }
  }
  /// Everything that was asked for, and its outcome, until nothing moves any more; the ids in the order they ran.
  std::vector<std::uint64_t> run_all() {
    std::vector<std::uint64_t> ids;
    while (!runs.empty() || !world.wanted.empty()) {
      hear(world.deliver());
      for (const auto& run : std::exchange(runs, {})) {
        for (const auto& range : run.chunks) {
          for (std::uint64_t id = range.first; id < range.first + range.count; ++id) ids.push_back(id);
        }
        hear(world.say(worker, settle_of(run), zeros(0)));
      }
    }
    return ids;
  }
  static std::vector<std::uint64_t> ascending(std::uint64_t count) {
    std::vector<std::uint64_t> ids(count);
    for (std::uint64_t id = 0; id < count; ++id) ids[id] = id;
    return ids;
  }

  World world;
  PeerId producer;
  PeerId worker;
  JobId job;
  std::vector<wire::Lease> leases;
  std::vector<wire::Run> runs;
};

struct PagingWithRoom : Paging {
  PagingWithRoom() : Paging(1'000) {}
};

TEST_F(Paging, OnlyTheFirstStaysWhileNobodyTakesAnything) {
  for (std::uint64_t batch = 0; batch < 10; ++batch) submit(batch * 3, 3);
  EXPECT_TRUE(world.wanted.empty());
  EXPECT_EQ(world.statistics().resident_bytes, 3 * kSize);
  EXPECT_EQ(world.status(producer, job).ready, 30U);
}

TEST_F(Paging, NothingIsHandedOutBeforeItsPayloadIsThere) {
  submit(0, 3);
  submit(3, 3);
  open_session();
  ASSERT_EQ(runs.size(), 1U);
  EXPECT_EQ(runs.front().chunks, (std::vector<ChunkRange>{{.first = 0, .count = 3}}));
  ASSERT_EQ(world.wanted.size(), 1U) << "the next one, now that it is first";
  hear(world.tick());
  EXPECT_EQ(runs.size(), 1U);
  hear(world.deliver());
  EXPECT_EQ(runs.size(), 2U);
}

TEST_F(Paging, EverythingRunsInTheOrderItCame) {
  for (std::uint64_t batch = 0; batch < 20; ++batch) submit(batch * 3, 3);
  open_session();
  EXPECT_EQ(run_all(), ascending(60));
  EXPECT_EQ(world.status(producer, job).done, 60U);
}

TEST_F(PagingWithRoom, WhatFitsStaysAndWhatComesBehindWaitsItsTurn) {
  for (std::uint64_t batch = 0; batch < 20; ++batch) submit(batch * 3, 3);
  EXPECT_TRUE(world.wanted.empty()) << "the first ones are there, so nothing has to come";
  open_session();
  submit(60, 3);
  EXPECT_EQ(run_all(), ascending(63));
}

TEST_F(Paging, AJobThatIsCancelledLeavesNoPayloadInTheStore) {
  for (std::uint64_t batch = 0; batch < 5; ++batch) submit(batch * 3, 3);
  begin_again();
  world.say(producer, wire::Cancel{.job = job});
  for (const auto& [key, value] : world.records) EXPECT_NE(key.kind, RecordKind::payload);
  EXPECT_TRUE(world.deliver().empty()) << "what comes late is nobody's";
  EXPECT_EQ(world.status(producer, job).state, JobState::cancelled);
}

TEST_F(Paging, APayloadThatComesInTheStepOfTheCancelIsNobodys) {
  for (std::uint64_t batch = 0; batch < 5; ++batch) submit(batch * 3, 3);
  begin_again();
  std::vector<Input> inputs;
  inputs.emplace_back(Received{.peer = producer, .request = 1, .message = wire::Cancel{.job = job}, .payload = {}});
  inputs.emplace_back(Fetched{.key = world.wanted.front(), .bytes = zeros(3 * kSize)});
  EXPECT_TRUE(world.step(std::move(inputs)).fetches.empty());
  for (const auto& [key, value] : world.records) EXPECT_NE(key.kind, RecordKind::payload);
}

TEST_F(Paging, APayloadThatTheStoreHasLostEndsItsJob) {
  submit(0, 3);
  begin_again();
  std::erase_if(world.records, [](const auto& record) { return record.first.kind == RecordKind::payload; });
  world.deliver();
  const auto status = world.status(producer, job);
  EXPECT_EQ(status.state, JobState::failed);
  EXPECT_EQ(status.error, ErrorCode::payload_lost);
}

TEST_F(Paging, APayloadOfAnotherLengthEndsItsJob) {
  submit(0, 3);
  begin_again();
  std::vector<Input> inputs;
  inputs.emplace_back(Fetched{.key = world.wanted.front(), .bytes = zeros(7)});
  world.step(std::move(inputs));
  EXPECT_EQ(world.status(producer, job).error, ErrorCode::payload_lost);
}

TEST_F(Paging, ABrokerThatStartsLoadsNoPayloadBeforeItsTurn) {
  for (std::uint64_t batch = 0; batch < 10; ++batch) submit(batch * 3, 3);
  begin_again();
  worker = world.worker(1);
  leases.clear();
  open_session();
  EXPECT_EQ(run_all(), ascending(30));
}

TEST_F(Paging, WhatAWorkerHadWhenTheBrokerStartedRunsAgainAndDiesWithItsPayload) {
  submit(0, 3);
  submit(3, 3);
  open_session();
  ASSERT_FALSE(runs.empty());
  runs.clear();
  leases.clear();
  world.restart();
  producer = world.producer();
  worker = world.worker(1);
  open_session();
  ASSERT_FALSE(runs.empty());
  hear(world.say(worker, settle_of(runs.front(), ErrorCode::load_failed)));
  const auto dead = all_of<wire::DeadListed>(world.say(producer, wire::DeadQuery{.job = job, .limit = 10}));
  ASSERT_EQ(dead.size(), 1U);
  ASSERT_FALSE(dead.front().chunks.empty());
  EXPECT_TRUE(dead.front().chunks.front().kept);
}

TEST(PagingOff, AStoreThatDoesNotGiveBackIsNeverAsked) {
  World world(room_for(0));
  const auto producer = world.producer();
  const auto job = world.open(producer);
  world.submit(producer, job, {.first = 0, .count = 100}, kSize);
  world.tick();
  EXPECT_TRUE(world.wanted.empty());
}

}  // namespace
}  // namespace sublet::broker::testing
