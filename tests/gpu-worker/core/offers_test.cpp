#include "gpu-worker/core/offers.hpp"

#include <vector>

#include <gtest/gtest.h>

#include "common/random.hpp"

namespace sublet {
namespace {

const std::vector<CardRoom> kCard = {{.bytes = 100_MiB, .sessions = 4}};

std::uint32_t sessions(const std::vector<std::vector<CardRoom>>& dealt, ShardNumber shard) {
  std::uint32_t sum = 0;
  for (const CardRoom& share : dealt[shard]) sum += share.sessions;
  return sum;
}

/// Takes everything that the shard is dealt, one lease of `bytes` each.
std::vector<CardRoom> rest_after(OfferDealer& dealer, std::vector<CardRoom> rooms, ShardNumber shard, Bytes bytes) {
  for (std::uint32_t left = sessions(dealer.deal(rooms), shard); left > 0; --left) {
    dealer.took(shard);
    rooms[0].bytes -= bytes;
    --rooms[0].sessions;
  }
  return rooms;
}

TEST(OfferDealer, OffersEverythingToTheOnlyShardBeforeItAsks) {
  EXPECT_EQ(OfferDealer(1).deal(kCard), (std::vector<std::vector<CardRoom>>{kCard}));
}

TEST(OfferDealer, OffersNothingToOneOfSeveralThatDoesNotWant) {
  const auto dealt = OfferDealer(2).deal(kCard);
  EXPECT_EQ(dealt, (std::vector<std::vector<CardRoom>>{{{}}, {{}}}));
}

TEST(OfferDealer, OffersWhatIsWantedAndNoMore) {
  OfferDealer dealer(2);
  dealer.wants(1, 2, 10_MiB, 10_MiB);
  EXPECT_EQ(dealer.deal(kCard)[1], (std::vector<CardRoom>{{.bytes = 20_MiB, .sessions = 2}}));
}

TEST(OfferDealer, OffersLessThanTheMostWhereACardHasNoMore) {
  OfferDealer dealer(2);
  dealer.wants(0, 1, 60_MiB, 10_MiB);
  EXPECT_EQ(dealer.deal(std::vector<CardRoom>{{.bytes = 45_MiB, .sessions = 4}})[0],
            (std::vector<CardRoom>{{.bytes = 45_MiB, .sessions = 1}}));
  EXPECT_EQ(dealer.deal(std::vector<CardRoom>{{.bytes = 9_MiB, .sessions = 4}})[0], (std::vector<CardRoom>{{}}));
}

TEST(OfferDealer, SharesACardAmongThoseThatWantAllOfIt) {
  OfferDealer dealer(3);
  dealer.wants(0, 100, 10_MiB, 10_MiB);
  dealer.wants(2, 100, 10_MiB, 10_MiB);
  const auto dealt = dealer.deal(kCard);
  EXPECT_EQ(sessions(dealt, 0), 2U);
  EXPECT_EQ(sessions(dealt, 2), 2U);
}

TEST(OfferDealer, GivesWhatBecomesFreeToWhoeverHasLeast) {
  OfferDealer dealer(2);
  dealer.wants(0, 100, 10_MiB, 10_MiB);
  auto rooms = rest_after(dealer, kCard, 0, 10_MiB);
  dealer.wants(1, 1, 10_MiB, 10_MiB);
  dealer.gave_back(0);
  rooms[0] = {.bytes = 10_MiB, .sessions = 1};
  const auto dealt = dealer.deal(rooms);
  EXPECT_EQ(sessions(dealt, 0), 0U) << "it holds three";
  EXPECT_EQ(sessions(dealt, 1), 1U);
}

TEST(OfferDealer, TakesTurnsAmongEquals) {
  OfferDealer dealer(2);
  const std::vector<CardRoom> one = {{.bytes = 10_MiB, .sessions = 1}};
  dealer.wants(0, 1, 10_MiB, 10_MiB);
  dealer.wants(1, 1, 10_MiB, 10_MiB);
  for (const ShardNumber expected : {0, 1, 0, 1}) {
    EXPECT_EQ(sessions(dealer.deal(one), expected), 1U);
    dealer.took(expected);
    dealer.gave_back(expected);
  }
}

TEST(OfferDealer, LeavesAnOfferWhereItIsUntilSomethingChanges) {
  OfferDealer dealer(2);
  const std::vector<CardRoom> one = {{.bytes = 10_MiB, .sessions = 1}};
  dealer.wants(0, 1, 10_MiB, 10_MiB);
  dealer.wants(1, 1, 10_MiB, 10_MiB);
  EXPECT_EQ(dealer.deal(one), dealer.deal(one));
}

TEST(OfferDealer, GivesAStarvingShardTheCardOfOneThatWantsItNoLonger) {
  OfferDealer dealer(2);
  const std::vector<CardRoom> one = {{.bytes = 10_MiB, .sessions = 1}};
  dealer.wants(0, 1, 10_MiB, 10_MiB);
  dealer.wants(1, 1, 10_MiB, 10_MiB);
  dealer.wants(0, 0, {}, {});
  EXPECT_EQ(sessions(dealer.deal(one), 1), 1U);
}

TEST(OfferDealer, PassesOverAWantThatFitsOnNoCard) {
  OfferDealer dealer(2);
  dealer.wants(0, 1, 200_MiB, 200_MiB);
  dealer.wants(1, 1, 10_MiB, 10_MiB);
  const auto dealt = dealer.deal(kCard);
  EXPECT_EQ(sessions(dealt, 0), 0U);
  EXPECT_EQ(sessions(dealt, 1), 1U);
}

TEST(OfferDealer, NeverDealsAByteOrASessionTwice) {
  SeededRandom random(1);
  for (int round = 0; round < 500; ++round) {
    OfferDealer dealer(4);
    const std::vector<CardRoom> rooms = {{.bytes = Bytes{random.next() % 1000}, .sessions = static_cast<std::uint32_t>(random.next() % 5)},
                                         {.bytes = Bytes{random.next() % 1000}, .sessions = static_cast<std::uint32_t>(random.next() % 5)}};
    for (ShardNumber shard = 0; shard < 4; ++shard) {
      dealer.wants(shard, static_cast<std::uint32_t>(random.next() % 6), Bytes{random.next() % 400}, Bytes{1 + random.next() % 200});
    }
    std::vector<CardRoom> sum(2);
    for (const auto& shares : dealer.deal(rooms)) {
      for (std::size_t card = 0; card < 2; ++card) {
        sum[card].bytes += shares[card].bytes;
        sum[card].sessions += shares[card].sessions;
      }
    }
    for (std::size_t card = 0; card < 2; ++card) {
      EXPECT_LE(sum[card].bytes, rooms[card].bytes);
      EXPECT_LE(sum[card].sessions, rooms[card].sessions);
    }
  }
}

}  // namespace
}  // namespace sublet
