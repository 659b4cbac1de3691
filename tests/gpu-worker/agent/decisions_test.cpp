#include <array>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "gpu-worker/core/agent_leases.hpp"
#include "gpu-worker/core/agent_watch.hpp"
#include "gpu-worker/core/agent_window.hpp"

namespace sublet {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

constexpr Instant at(Millis since) { return Instant(since); }
constexpr LeaseId kA{1};
constexpr LeaseId kB{2};

TEST(AgentLeases, RenewsAllAtAThirdOfTheShortestTtl) {
  AgentLeases leases;
  leases.looked(at(0s));
  leases.add(kA, 30s);
  leases.looked(at(1s));
  leases.add(kB, 9s);
  EXPECT_FALSE(leases.renew_due(at(2999ms)));
  EXPECT_TRUE(leases.renew_due(at(3s)));
  EXPECT_EQ(leases.next_due(true), at(3s));
  leases.renew_sent(1, at(3s));
  const std::array<wire::LeaseTtl, 2> ttls{{{.lease = kA, .ttl_ms = 30'000}, {.lease = kB, .ttl_ms = 9'000}}};
  EXPECT_THAT(leases.renewed(1, ttls), IsEmpty());
  EXPECT_EQ(leases.next_due(true), at(6s));
}

TEST(AgentLeases, CountsATtlFromWhenItsLeaseCameUntilTheFirstRenewalIsAnswered) {
  AgentLeases leases;
  leases.looked(at(0s));
  leases.add(kA, 9s);
  leases.renew_sent(1, at(3s));
  EXPECT_EQ(leases.deadline(kA), at(9s));
  const wire::LeaseTtl ttl{.lease = kA, .ttl_ms = 9000};
  leases.renewed(1, std::span(&ttl, 1));
  EXPECT_EQ(leases.deadline(kA), at(12s));
}

TEST(AgentLeases, CountsATtlFromWhenTheRequestWasSent) {
  AgentLeases leases;
  leases.looked(at(0s));
  leases.add(kA, 9s);
  leases.renew_sent(1, at(3s));
  const wire::LeaseTtl ttl{.lease = kA, .ttl_ms = 9000};
  EXPECT_THAT(leases.renewed(1, std::span(&ttl, 1)), IsEmpty());
  EXPECT_EQ(leases.deadline(kA), at(12s));
  EXPECT_THAT(leases.expired(at(11'999ms)), IsEmpty());
  EXPECT_THAT(leases.expired(at(12s)), ElementsAre(kA));
}

TEST(AgentLeases, EndsALeaseThatRenewedDoesNotName) {
  AgentLeases leases;
  leases.looked(at(0s));
  leases.add(kA, 9s);
  leases.looked(at(0s));
  leases.add(kB, 9s);
  leases.renew_sent(1, at(3s));
  const wire::LeaseTtl ttl{.lease = kA, .ttl_ms = 9000};
  EXPECT_THAT(leases.renewed(1, std::span(&ttl, 1)), ElementsAre(kB));
}

TEST(AgentLeases, KeepsALeaseThatCameAfterTheRenewal) {
  AgentLeases leases;
  leases.looked(at(0s));
  leases.add(kA, 9s);
  leases.renew_sent(1, at(3s));
  leases.looked(at(4s));
  leases.add(kB, 9s);
  const wire::LeaseTtl ttl{.lease = kA, .ttl_ms = 9000};
  EXPECT_THAT(leases.renewed(1, std::span(&ttl, 1)), IsEmpty());
}

TEST(AgentLeases, TakesEachAnswerOnceAndNoneThatItDidNotAskFor) {
  AgentLeases leases;
  leases.looked(at(0s));
  leases.add(kA, 9s);
  leases.renew_sent(1, at(3s));
  EXPECT_THAT(leases.renewed(2, {}), IsEmpty());
  EXPECT_THAT(leases.renewed(1, {}), ElementsAre(kA));
  EXPECT_THAT(leases.renewed(1, {}), IsEmpty());
}

TEST(AgentLeases, WaitsForExpiryOnlyWhileThereIsNobodyToAsk) {
  AgentLeases leases;
  EXPECT_EQ(leases.next_due(true), std::nullopt);
  leases.looked(at(0s));
  leases.add(kA, 9s);
  leases.renew_sent(1, at(3s));
  const wire::LeaseTtl ttl{.lease = kA, .ttl_ms = 9000};
  EXPECT_THAT(leases.renewed(1, std::span(&ttl, 1)), IsEmpty());
  EXPECT_EQ(leases.next_due(false), at(12s));
}

TEST(AgentLeases, CountsALeaseThatLayThereWhileTheAgentWasStoppedFromItsLastLook) {
  AgentLeases leases;
  leases.looked(at(0s));
  leases.add(kA, 9s);
  EXPECT_EQ(leases.deadline(kA), at(9s));
  EXPECT_THAT(leases.expired(at(60s)), ElementsAre(kA)) << "it was stopped for a minute, and looked then";
}

constexpr std::uint64_t nanos(Millis time) { return static_cast<std::uint64_t>(Nanos(time).count()); }

TEST(Watchdog, FindsTheChunkThatRunsTooLong) {
  const HandedOver command{.number = 1, .count = 10, .at = at(1s)};
  Watchdog watchdog(2s);
  watchdog.begin(at(1s));
  EXPECT_EQ(watchdog.look_at(), at(3s));
  const ClaimedRunning claim{.number = 1, .first = 3, .count = 1, .since_ns = nanos(2s)};
  EXPECT_FALSE(watchdog.stuck(claim, std::span(&command, 1), at(3s)));
  EXPECT_EQ(watchdog.look_at(), at(4s));
  EXPECT_TRUE(watchdog.stuck(claim, std::span(&command, 1), at(4s)));
}

TEST(Watchdog, LooksNoMoreWhenNothingIsHandedOver) {
  Watchdog watchdog(2s);
  watchdog.begin(at(1s));
  EXPECT_FALSE(watchdog.stuck({}, {}, at(9s)));
  EXPECT_EQ(watchdog.look_at(), std::nullopt);
}

TEST(Watchdog, FindsASessionThatNeverBegins) {
  const HandedOver command{.number = 1, .count = 10, .at = at(1s)};
  Watchdog watchdog(2s);
  watchdog.begin(at(1s));
  EXPECT_FALSE(watchdog.stuck({}, std::span(&command, 1), at(3s)));
  EXPECT_TRUE(watchdog.stuck({}, std::span(&command, 1), at(5s)));
}

TEST(Watchdog, GivesTheNextCommandItsOwnTime) {
  const HandedOver first{.number = 1, .count = 10, .at = at(1s)};
  const HandedOver second{.number = 2, .count = 10, .at = at(100s)};
  Watchdog watchdog(2s);
  watchdog.begin(at(1s));
  EXPECT_FALSE(watchdog.stuck({.number = 1, .first = 9, .count = 1, .since_ns = nanos(2s)}, std::span(&first, 1), at(3s)));
  EXPECT_FALSE(watchdog.stuck({.number = 1, .first = 9, .count = 0, .since_ns = nanos(2s)}, std::span(&second, 1), at(101s)));
  EXPECT_EQ(watchdog.look_at(), at(102s));
}

TEST(Watchdog, IsNotFooledByAClaimThatIsAlwaysFresh) {
  const HandedOver command{.number = 1, .count = 10, .at = at(0s)};
  Watchdog watchdog(2s);
  watchdog.begin(at(0s));
  EXPECT_FALSE(watchdog.stuck({.number = 1, .first = 3, .count = 1, .since_ns = nanos(2s)}, std::span(&command, 1), at(2s)));
  EXPECT_TRUE(watchdog.stuck({.number = 1, .first = 3, .count = 1, .since_ns = nanos(4s)}, std::span(&command, 1), at(4s)));
}

TEST(Watchdog, IsNotFooledByAClaimThatGoesInCircles) {
  const HandedOver command{.number = 1, .count = 10, .at = at(0s)};
  Watchdog watchdog(2s);
  watchdog.begin(at(0s));
  EXPECT_FALSE(watchdog.stuck({.number = 1, .first = 3, .count = 1, .since_ns = nanos(2s)}, std::span(&command, 1), at(2s)));
  EXPECT_TRUE(watchdog.stuck({.number = 1, .first = 2, .count = 1, .since_ns = nanos(4s)}, std::span(&command, 1), at(4s)));
}

TEST(Watchdog, IsNotFooledByAClaimOfLongAgo) {
  const HandedOver command{.number = 1, .count = 10, .at = at(10s)};
  Watchdog watchdog(2s);
  watchdog.begin(at(10s));
  EXPECT_FALSE(watchdog.stuck({.number = 1, .first = 0, .count = 1, .since_ns = 0}, std::span(&command, 1), at(11s)));
}

TEST(Believable, ReachesIntoTheFollowingCommands) {
  const std::vector<HandedOver> commands = {{.number = 4, .count = 3, .at = {}}, {.number = 5, .count = 1, .at = {}}};
  EXPECT_THAT(believable({.number = 4, .first = 2, .count = 2, .since_ns = 0}, commands, 2),
              ElementsAre(RunningChunks{.command = 0, .first = 2, .count = 1}, RunningChunks{.command = 1, .first = 0, .count = 1}));
}

TEST(Believable, RefusesWhatCannotBe) {
  const std::vector<HandedOver> commands = {{.number = 4, .count = 3, .at = {}}};
  EXPECT_THAT(believable({.number = 9, .first = 0, .count = 1, .since_ns = 0}, commands, 2), IsEmpty());
  EXPECT_THAT(believable({.number = 4, .first = 3, .count = 1, .since_ns = 0}, commands, 2), IsEmpty());
  EXPECT_THAT(believable({.number = 4, .first = 0, .count = 3, .since_ns = 0}, commands, 2), IsEmpty());
}

TEST(WindowPolicy, StartsWithAFewChunksPerLaneAndGrowsWithShortChunks) {
  WindowPolicy policy({.lanes = 2, .max_chunk_bytes = 64, .arena_bytes = 64U << 20U});
  EXPECT_EQ(policy.size().chunks, 8U);
  EXPECT_TRUE(policy.learn(8, 80us));
  EXPECT_EQ(policy.size().chunks, 8192U);
  EXPECT_FALSE(policy.learn(8, 80us));
}

TEST(WindowPolicy, StaysSmallWhereChunksTakeLong) {
  WindowPolicy policy({.lanes = 2, .max_chunk_bytes = 64, .arena_bytes = 64U << 20U});
  EXPECT_FALSE(policy.learn(8, 8s));
  EXPECT_EQ(policy.size().chunks, 8U);
}

TEST(WindowPolicy, HoldsTwoOfTheLargestChunksForEveryLane) {
  WindowPolicy policy({.lanes = 2, .max_chunk_bytes = 32U << 20U, .arena_bytes = 64U << 20U});
  EXPECT_EQ(policy.size().bytes, std::uint64_t{128} << 20U);
}

}  // namespace
}  // namespace sublet
