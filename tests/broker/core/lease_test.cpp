// What the lease table promises a holder.

#include <set>

#include <gtest/gtest.h>

#include "tests/broker/core/world.hpp"

namespace sublet::broker::testing {
namespace {

struct LeaseTable : ::testing::Test {
  /// Work for `sessions` sessions, each of which gets a lease.
  std::vector<wire::Lease> lease(std::uint32_t sessions) {
    const auto producer = world.producer();
    const auto job = world.open(producer);
    world.submit(producer, job, {.first = 0, .count = 100});
    worker = world.worker(1);
    return all_of<wire::Lease>(world.say(
        worker, wire::Offer{.cards = {{.kind = "cpu", .total_bytes = 1U << 30U, .free_bytes = 1U << 30U, .free_sessions = sessions}}}));
  }

  std::vector<wire::LeaseTtl> renew(const wire::Lease& lease) {
    const auto answers =
        all_of<wire::Renewed>(world.say(worker, wire::Renew{.leases = {{.lease = lease.lease, .token = lease.token, .grants = {}}}}));
    return answers.at(0).leases;
  }

  [[nodiscard]] const LeaseRecord& record_of(LeaseId id) const {
    return std::get<LeaseRecord>(world.records.at({.kind = RecordKind::lease, .owner = id.value}));
  }

  World world;
  PeerId worker;
};

TEST_F(LeaseTable, L5_GivesEveryLeaseAnIdOfItsOwnAlsoAfterARestart) {
  std::set<LeaseId> ids;
  for (const auto& given : lease(1)) ids.insert(given.lease);
  ASSERT_EQ(ids.size(), 1U);
  world.restart();
  world.now += 1h;
  static_cast<void>(world.tick());
  for (const auto& given : lease(1)) EXPECT_TRUE(ids.insert(given.lease).second);
  EXPECT_EQ(ids.size(), 2U);
}

TEST_F(LeaseTable, L6_RecordsTheDeadlineAndMovesItForwardWithEveryRenewal) {
  const auto given = lease(1).at(0);
  const auto at_ms = [&] { return static_cast<std::uint64_t>(std::chrono::duration_cast<Millis>(world.now.time_since_epoch()).count()); };
  EXPECT_EQ(record_of(given.lease).deadline_ms, at_ms() + 31'000);
  world.now += 10s;
  EXPECT_EQ(renew(given).size(), 1U);
  EXPECT_EQ(record_of(given.lease).deadline_ms, at_ms() + 31'000);
}

TEST_F(LeaseTable, L7_ExtendsALiveLeaseBeyondItsFirstDeadline) {
  const auto given = lease(1).at(0);
  for (int renewal = 0; renewal < 8; ++renewal) {
    static_cast<void>(world.pass(10s));
    EXPECT_EQ(renew(given).size(), 1U);
  }
}

TEST_F(LeaseTable, L7_NeverRenewsALeaseThatHasExpired) {
  const auto given = lease(1).at(0);
  const auto told = all_of<wire::Release>(world.pass(31s));
  ASSERT_EQ(told.size(), 1U);
  EXPECT_EQ(told[0].lease, given.lease);
  EXPECT_EQ(told[0].code, ErrorCode::lease_expired);
  EXPECT_TRUE(renew(given).empty());
  EXPECT_FALSE(world.records.contains({.kind = RecordKind::lease, .owner = given.lease.value}));
}

TEST_F(LeaseTable, L7_NeverRenewsAnExpiredLeaseAfterARestartEither) {
  const auto given = lease(1).at(0);
  static_cast<void>(world.pass(31s));
  world.restart();
  worker = world.worker(1, {{.lease = given.lease, .token = given.token, .grants = {}}});
  EXPECT_TRUE(renew(given).empty());
}

}  // namespace
}  // namespace sublet::broker::testing
