#include "broker/core/sharing.hpp"

#include <gtest/gtest.h>

namespace sublet::broker {
namespace {

using Shards = std::vector<ShardNumber>;

/// What "a" sees: one letter per shard, "-" for one that nobody holds; what it holds is served by it.
Sharing seen_by_a(std::vector<std::string> brokers, std::string_view owners) {
  Sharing seen{.me = "a", .brokers = std::move(brokers), .owners = {}, .mine = {}, .elsewhere = {}};
  for (ShardNumber shard = 0; shard < owners.size(); ++shard) {
    const std::string owner = owners[shard] == '-' ? "" : std::string(1, owners[shard]);
    seen.owners[shard] = owner;
    if (owner == "a") seen.mine.insert(shard);
  }
  return seen;
}

TEST(Sharing, ABrokerAloneTakesEverything) { EXPECT_EQ(decide_moves(seen_by_a({"a"}, "----")).take, (Shards{0, 1, 2, 3})); }

TEST(Sharing, LeavesTheOthersTheirPart) { EXPECT_EQ(decide_moves(seen_by_a({"a", "b"}, "----")).take, (Shards{0, 1})); }

TEST(Sharing, TakesNothingThatAnotherHolds) { EXPECT_EQ(decide_moves(seen_by_a({"a"}, "bb--")).take, (Shards{2, 3})); }

TEST(Sharing, TakesWhatADeadBrokerLeft) {
  EXPECT_EQ(decide_moves(seen_by_a({"a"}, "aa--")), (SharingMoves{.take = {2, 3}, .give_back = {}}));
}

TEST(Sharing, LeavesAFreeShardToTheBrokerWhosePartItIs) { EXPECT_EQ(decide_moves(seen_by_a({"a", "b"}, "aa--")), SharingMoves{}); }

TEST(Sharing, GivesBackWhatIsAboveItsPartWhenAnotherJoins) {
  EXPECT_EQ(decide_moves(seen_by_a({"a", "b"}, "aaaa")), (SharingMoves{.take = {}, .give_back = {3, 2}}));
}

TEST(Sharing, AThirdBrokerGetsOneOfFourShards) {
  EXPECT_EQ(decide_moves(seen_by_a({"a", "b", "c"}, "aabb")), SharingMoves{}) << "the remainder is a's";
  auto seen = seen_by_a({"a", "b", "c"}, "aabb");
  seen.me = "b";
  seen.mine = {2, 3};
  EXPECT_EQ(decide_moves(seen).give_back, Shards{3});
  seen = seen_by_a({"a", "b", "c"}, "aab-");
  seen.me = "c";
  seen.mine = {};
  EXPECT_EQ(decide_moves(seen).take, Shards{3});
}

TEST(Sharing, TheOnlyShardStaysWhereItIsWhenAnotherBrokerJoins) {
  auto seen = seen_by_a({"0", "a"}, "a");
  EXPECT_EQ(decide_moves(seen), SharingMoves{});
  seen.me = "0";
  seen.mine = {};
  EXPECT_EQ(decide_moves(seen), SharingMoves{});
}

TEST(Sharing, CountsWhatIsBeingTaken) {
  auto seen = seen_by_a({"a", "b"}, "----");
  seen.mine = {0, 1};
  EXPECT_EQ(decide_moves(seen), SharingMoves{});
}

TEST(Sharing, TheRemainderGoesToWhoeverHoldsLeastInOtherStores) {
  auto seen = seen_by_a({"a", "b"}, "-");
  seen.elsewhere = {{"a", 1}};
  EXPECT_EQ(decide_moves(seen), SharingMoves{});
  seen.me = "b";
  EXPECT_EQ(decide_moves(seen).take, Shards{0});
}

TEST(Sharing, TheSharesOfAllBrokersSumUpToAllShards) {
  for (const std::string_view owners : {"aaaaaaa", "aabbc--", "-------", "abcabca", "bbbbbb-"}) {
    auto seen = seen_by_a({"a", "b", "c"}, owners);
    std::size_t sum = 0;
    for (const auto* me : {"a", "b", "c"}) {
      seen.me = me;
      sum += fair_share(seen);
    }
    EXPECT_EQ(sum, owners.size()) << owners;
  }
}

}  // namespace
}  // namespace sublet::broker
