#include "gpu-worker/core/ledger.hpp"

#include <algorithm>
#include <vector>

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include "common/random.hpp"

namespace sublet {
namespace {

constexpr BrokerId kFirst = {1};
constexpr BrokerId kSecond = {2};

ErrorCode code_of(const Result<void>& result) { return result ? ErrorCode::ok : result.error().code; }

TEST(CardLedger, SellsNoByteToTwoBrokers) {
  CardLedger ledger(100_MiB);
  EXPECT_EQ(ledger.offer(kFirst, 70_MiB), 70_MiB);
  EXPECT_EQ(ledger.offer(kSecond, 70_MiB), 30_MiB);
  EXPECT_EQ(ledger.free(), 0_B);
}

TEST(CardLedger, ReplacesABrokersOffer) {
  CardLedger ledger(100_MiB);
  ledger.offer(kFirst, 70_MiB);
  EXPECT_EQ(ledger.offer(kFirst, 90_MiB), 90_MiB);
  EXPECT_EQ(ledger.offered(), 90_MiB);
}

TEST(CardLedger, DrawsALeaseFromItsBrokersOffer) {
  CardLedger ledger(100_MiB);
  ledger.offer(kFirst, 70_MiB);
  EXPECT_EQ(code_of(ledger.grant(LeaseId{1}, kFirst, 50_MiB)), ErrorCode::ok);
  EXPECT_EQ(ledger.offered(kFirst), 20_MiB);
  EXPECT_EQ(ledger.granted(), 50_MiB);
  EXPECT_EQ(code_of(ledger.grant(LeaseId{2}, kFirst, 21_MiB)), ErrorCode::no_capacity);
  EXPECT_EQ(code_of(ledger.grant(LeaseId{2}, kSecond, 1_B)), ErrorCode::no_capacity);
}

TEST(CardLedger, RefusesALeaseThatIsThere) {
  CardLedger ledger(100_MiB);
  ledger.offer(kFirst, 70_MiB);
  EXPECT_EQ(code_of(ledger.grant(LeaseId{1}, kFirst, 1_MiB)), ErrorCode::ok);
  EXPECT_EQ(code_of(ledger.grant(LeaseId{1}, kFirst, 1_MiB)), ErrorCode::duplicate);
  EXPECT_EQ(ledger.granted(), 1_MiB);
}

TEST(CardLedger, FreesALeaseOnce) {
  CardLedger ledger(100_MiB);
  ledger.offer(kFirst, 100_MiB);
  ASSERT_EQ(code_of(ledger.grant(LeaseId{1}, kFirst, 60_MiB)), ErrorCode::ok);
  EXPECT_EQ(ledger.release(LeaseId{1}), 60_MiB);
  EXPECT_EQ(ledger.free(), 60_MiB);
  EXPECT_FALSE(ledger.release(LeaseId{1}).has_value());
}

TEST(CardLedger, KeepsLeasesWhenTheirBrokerGoes) {
  CardLedger ledger(100_MiB);
  ledger.offer(kFirst, 100_MiB);
  ASSERT_EQ(code_of(ledger.grant(LeaseId{1}, kFirst, 60_MiB)), ErrorCode::ok);
  EXPECT_EQ(ledger.withdraw(kFirst), 40_MiB);
  EXPECT_EQ(ledger.withdraw(kFirst), 0_B);
  EXPECT_EQ(ledger.granted(), 60_MiB);
  EXPECT_EQ(ledger.free(), 40_MiB);
}

TEST(CardLedger, CutsTheLargestOfferForProcessesButNoLease) {
  CardLedger ledger(100_MiB);
  ledger.offer(kFirst, 30_MiB);
  ledger.offer(kSecond, 60_MiB);
  ASSERT_EQ(code_of(ledger.grant(LeaseId{1}, kFirst, 20_MiB)), ErrorCode::ok);
  EXPECT_EQ(code_of(ledger.context_changed({}, 40_MiB)), ErrorCode::ok);
  EXPECT_EQ(ledger.offered(kFirst), 10_MiB);
  EXPECT_EQ(ledger.offered(kSecond), 30_MiB);
  EXPECT_EQ(code_of(ledger.set_spares(41_MiB)), ErrorCode::no_capacity);
  EXPECT_EQ(ledger.spares(), 0_B);
  EXPECT_EQ(code_of(ledger.set_spares(40_MiB)), ErrorCode::ok);
  EXPECT_EQ(ledger.offered(), 0_B);
}

TEST(CardLedger, MovesASpareUnderALease) {
  CardLedger ledger(100_MiB);
  ASSERT_EQ(code_of(ledger.set_spares(20_MiB)), ErrorCode::ok);
  EXPECT_EQ(code_of(ledger.spare_taken(10_MiB)), ErrorCode::ok);
  EXPECT_EQ(ledger.spares(), 10_MiB);
  EXPECT_EQ(ledger.contexts(), 10_MiB);
  EXPECT_EQ(code_of(ledger.spare_taken(11_MiB)), ErrorCode::bad_argument);
}

TEST(CardLedger, AProcessThatGrowsTakesWhatIsOnOfferAndNoLease) {
  CardLedger ledger(100_MiB);
  ledger.offer(kFirst, 90_MiB);
  ASSERT_EQ(code_of(ledger.context_changed({}, 10_MiB)), ErrorCode::ok);
  ASSERT_EQ(code_of(ledger.grant(LeaseId{1}, kFirst, 50_MiB)), ErrorCode::ok);
  EXPECT_EQ(code_of(ledger.context_changed(10_MiB, 30_MiB)), ErrorCode::ok);
  EXPECT_EQ(ledger.contexts(), 30_MiB);
  EXPECT_EQ(ledger.offered(kFirst), 20_MiB);
  EXPECT_EQ(code_of(ledger.context_changed(30_MiB, 51_MiB)), ErrorCode::no_capacity);
  EXPECT_EQ(ledger.contexts(), 30_MiB) << "as it was";
  EXPECT_EQ(code_of(ledger.context_changed(31_MiB, 0_B)), ErrorCode::bad_argument);
  EXPECT_EQ(code_of(ledger.context_changed(30_MiB, 0_B)), ErrorCode::ok);
  EXPECT_EQ(ledger.contexts(), 0_B);
}

/// A size that is now and then near the card's or near 2^64, where sums wrap.
Bytes draw_bytes(Random& random, Bytes card) {
  const std::uint64_t kind = random.next() % 8;
  if (kind == 0) return {UINT64_MAX - random.next() % 3};
  if (kind == 1) return {card.count - random.next() % std::max<std::uint64_t>(card.count, 1)};
  return {random.next() % (card.count / 4 + 1)};
}

/// @param processes  what each of those under leases takes
void act(CardLedger& ledger, Random& random, std::vector<Bytes>& processes) {
  const BrokerId broker = {random.next() % 3};
  const LeaseId lease = {random.next() % 8};
  const Bytes bytes = draw_bytes(random, ledger.card());
  switch (random.next() % 8) {
    case 0:
      return (void)ledger.withdraw(broker);
    case 1:
      return (void)ledger.release(lease);
    case 2:
      return (void)ledger.set_spares(bytes);
    case 3: {
      // One of them starts, grows or ends.
      Bytes& process = processes[random.next() % processes.size()];
      const Bytes now = random.next() % 4 == 0 ? Bytes{} : bytes;
      if (ledger.context_changed(process, now)) process = now;
      return;
    }
    case 4:
      if (ledger.spare_taken(bytes)) processes.push_back(bytes);
      return;
    case 5:
    case 6:
      return (void)ledger.grant(lease, broker, bytes);
    default:
      return (void)ledger.offer(broker, bytes);
  }
}

RC_GTEST_PROP(CardLedgerProperty, NeverPromisesMoreThanTheCard, (std::uint64_t seed, bool huge)) {
  SeededRandom random(seed);
  CardLedger ledger(huge ? Bytes{UINT64_MAX} : Bytes{random.next() % 1000});
  std::vector<Bytes> processes(4);
  for (int i = 0; i < 300; ++i) {
    act(ledger, random, processes);
    __extension__ using Wide = unsigned __int128;
    const Wide sum = Wide{ledger.granted().count} + ledger.offered().count + ledger.spares().count + ledger.contexts().count;
    RC_ASSERT(sum <= ledger.card().count);
    RC_ASSERT(sum + ledger.free().count == ledger.card().count);
    Bytes offers;
    for (std::uint64_t broker = 0; broker < 3; ++broker) offers += ledger.offered(BrokerId{broker});
    RC_ASSERT(offers == ledger.offered());
    Bytes taken;
    for (const Bytes process : processes) taken += process;
    RC_ASSERT(taken == ledger.contexts());
  }
}

RC_GTEST_PROP(CardLedgerProperty, IsEmptyAgainWhenAllHasEnded, (std::uint64_t seed)) {
  SeededRandom random(seed);
  CardLedger ledger(10_MiB);
  std::vector<Bytes> processes(4);
  for (int i = 0; i < 100; ++i) act(ledger, random, processes);
  for (std::uint64_t broker = 0; broker < 3; ++broker) ledger.withdraw(BrokerId{broker});
  for (std::uint64_t lease = 0; lease < 8; ++lease) (void)ledger.release(LeaseId{lease});
  RC_ASSERT(ledger.set_spares(0_B).has_value());
  for (const Bytes process : processes) RC_ASSERT(ledger.context_changed(process, 0_B).has_value());
  RC_ASSERT(ledger.free() == 10_MiB);
  RC_ASSERT(ledger.leases() == 0U);
}

}  // namespace
}  // namespace sublet
