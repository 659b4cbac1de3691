#include "common/shard.hpp"

#include <algorithm>
#include <set>
#include <string>

#include <gtest/gtest.h>

namespace sublet {
namespace {

TEST(Shard, TheHashIsFnv1aAsItsAuthorsPublishedIt) {
  EXPECT_EQ(fnv1a64(""), 0xcbf29ce484222325U);
  EXPECT_EQ(fnv1a64("a"), 0xaf63dc4c8601ec8cU);
  EXPECT_EQ(fnv1a64("foobar"), 0x85944171f73967e8U);
}

TEST(Shard, AQueueUsesAsManyNeighbouringShardsAsTheSpreadSays) {
  const Layout layout{.shards = 4, .spread = 3};
  const auto home = static_cast<ShardNumber>(fnv1a64("video") % 4);
  const std::vector<ShardNumber> expected = {home, static_cast<ShardNumber>((home + 1) % 4), static_cast<ShardNumber>((home + 2) % 4)};
  EXPECT_EQ(shards_of(layout, "video"), expected);
}

TEST(Shard, AQueueHasOneShardUnlessToldOtherwise) { EXPECT_EQ(shards_of({.shards = 8}, "video").size(), 1U); }

TEST(Shard, EveryQueueOfAClusterWithOneShardIsInShardZero) { EXPECT_EQ(shards_of({}, "video"), std::vector<ShardNumber>{0}); }

TEST(Shard, AKeyAlwaysLeadsToTheSameShardOfItsQueue) {
  const Layout layout{.shards = 8, .spread = 4};
  const auto shards = shards_of(layout, "video");
  for (int n = 0; n < 100; ++n) {
    const auto key = std::to_string(n);
    const auto shard = shard_of_key(layout, "video", key);
    EXPECT_EQ(shard, shards[fnv1a64(key) % 4]);
    EXPECT_EQ(shard, shard_of_key(layout, "video", key));
  }
}

TEST(Shard, KeysUseAllShardsOfTheirQueue) {
  const Layout layout{.shards = 8, .spread = 4};
  std::set<ShardNumber> used;
  for (int n = 0; n < 100; ++n) used.insert(shard_of_key(layout, "video", std::to_string(n)));
  EXPECT_EQ(used.size(), 4U);
}

TEST(Shard, AJobsIdSaysItsShard) {
  for (const ShardNumber shard : std::vector<ShardNumber>{0, 1, 255}) EXPECT_EQ(shard_of(job_id(shard, 0x1122334455667788U)), shard);
  EXPECT_EQ(job_id(3, 0x1122334455667788U).value, 0x1122334455667703U);
}

TEST(Shard, AnIdWhoseRandomBitsAreAllZeroIsNotIssued) { EXPECT_EQ(job_id(3, 0xffU), JobId{0}); }

}  // namespace
}  // namespace sublet
