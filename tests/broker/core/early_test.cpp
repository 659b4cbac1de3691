// What may leave before the commit of its step is stored, and what becomes of it when that never is.

#include <gtest/gtest.h>

#include "tests/broker/core/world.hpp"

namespace sublet::broker::testing {
namespace {

constexpr PeerId kWorker{.value = 1};
constexpr PeerId kOther{.value = 2};
constexpr Token kHost{.high = 1, .low = 2};

Send to(PeerId peer, wire::Message message, bool early = false) {
  return {.peer = peer, .request = 0, .message = std::move(message), .payload = {}, .early = early};
}

TEST(TakeEarly, LeavesWhatIsNotMarkedInItsOrder) {
  std::vector<Send> sends;
  sends.push_back(to(kOther, wire::Accepted{}));
  sends.push_back(to(kWorker, wire::Run{}, true));
  sends.push_back(to(kOther, wire::Output{}));
  const auto early = take_early(sends);
  ASSERT_EQ(early.size(), 1U);
  EXPECT_EQ(early[0].peer, kWorker);
  ASSERT_EQ(sends.size(), 2U);
  EXPECT_TRUE(std::holds_alternative<wire::Accepted>(sends[0].message));
  EXPECT_TRUE(std::holds_alternative<wire::Output>(sends[1].message));
}

TEST(TakeEarly, KeepsBackWhatAPeerHasToBeToldAfterSomethingElse) {
  std::vector<Send> sends;
  sends.push_back(to(kWorker, wire::Welcome{}));
  sends.push_back(to(kWorker, wire::Run{}, true));
  sends.push_back(to(kOther, wire::Run{}, true));
  const auto early = take_early(sends);
  ASSERT_EQ(early.size(), 1U);
  EXPECT_EQ(early[0].peer, kOther);
  EXPECT_EQ(sends.size(), 2U);
}

TEST(TakeEarly, OvertakesSettled) {
  std::vector<Send> sends;
  sends.push_back(to(kWorker, wire::Settled{}));
  sends.push_back(to(kWorker, wire::Run{}, true));
  EXPECT_EQ(take_early(sends).size(), 1U);
  EXPECT_EQ(sends.size(), 1U);
}

/// A worker whose session is up and waits.
struct EarlyRun : ::testing::Test {
  EarlyRun() {
    producer = world.producer();
    worker = world.worker(1, {}, kHost);
    world.offer(worker, 1);
  }

  /// What the step of the first SUBMIT to a session that is up sends.
  std::vector<Send> submit_to(JobSpec spec) {
    const auto job = world.open(producer, std::move(spec));
    for (const auto& offered : all_of<wire::Lease>(world.submit(producer, job, {.first = 0, .count = 1}))) lease = offered;
    for (const auto& run : all_of<wire::Run>(up())) world.say(worker, settle_of(run));
    return world.submit(producer, job, {.first = 1, .count = 1});
  }
  std::vector<Send> up() { return world.say(worker, wire::Window{.lease = lease.lease, .chunks = 100, .bytes = 1U << 20U}); }

  static std::vector<Send> early_of(std::vector<Send> sends) { return take_early(sends); }

  World world;
  PeerId producer;
  PeerId worker;
  wire::Lease lease;
};

TEST_F(EarlyRun, LeavesBeforeItsChunksAreAccepted) {
  auto sends = submit_to({});
  const auto early = take_early(sends);
  ASSERT_EQ(all_of<wire::Run>(early).size(), 1U);
  EXPECT_EQ(early.size(), 1U) << "nothing but RUN leaves early";
  EXPECT_EQ(all_of<wire::Accepted>(sends).size(), 1U);
}

TEST_F(EarlyRun, WaitsWhereOutputsGoIntoTheProducersMemory) {
  auto sends = submit_to({.host = kHost});
  EXPECT_EQ(all_of<wire::Run>(sends).size(), 1U);
  EXPECT_TRUE(take_early(sends).empty());
}

TEST_F(EarlyRun, WaitsWhereAnotherJobHasToHaveEnded) {
  const auto before = world.open(producer);
  world.say(producer, wire::Close{.job = before});
  auto sends = submit_to({.after = {before}});
  EXPECT_EQ(all_of<wire::Run>(sends).size(), 1U);
  EXPECT_TRUE(take_early(sends).empty());
}

TEST_F(EarlyRun, IsStaleWhenItsCommitWasNeverStored) {
  const auto job = world.open(producer);
  for (const auto& offered : all_of<wire::Lease>(world.submit(producer, job, {.first = 0, .count = 1}))) lease = offered;
  for (const auto& run : all_of<wire::Run>(up())) world.say(worker, settle_of(run));

  const auto stored = world.records;
  const auto ghosts = all_of<wire::Run>(early_of(world.submit(producer, job, {.first = 1, .count = 1})));
  ASSERT_EQ(ghosts.size(), 1U);
  // The broker dies, the commit on its way.
  world.records = stored;
  world.restart();

  producer = world.producer();
  worker = world.worker(1, {{.lease = lease.lease, .token = lease.token, .grants = {ghosts[0].grant.value}}});
  const auto settled = all_of<wire::Settled>(world.say(worker, settle_of(ghosts[0])));
  ASSERT_EQ(settled.size(), 1U);
  EXPECT_EQ(settled[0].code, ErrorCode::stale);
  EXPECT_EQ(world.status(producer, job).done, 1U);

  // Nobody was told that it is accepted, so it is sent again.
  const auto runs = all_of<wire::Run>(world.submit(producer, job, {.first = 1, .count = 1}));
  ASSERT_EQ(runs.size(), 1U);
  EXPECT_NE(runs[0].grant, ghosts[0].grant);
  EXPECT_NE(runs[0].token, ghosts[0].token);
  world.say(worker, settle_of(runs[0]));
  EXPECT_EQ(world.status(producer, job).done, 2U);
}

}  // namespace
}  // namespace sublet::broker::testing
