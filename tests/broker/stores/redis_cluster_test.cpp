// Over a Redis Cluster: a commit is taken whole, because all its keys lie in one slot.

#include <set>

#include "tests/broker/stores/committing.hpp"
#include "tests/conformance/store_suite.hpp"

namespace sublet::broker::conformance {
namespace {

/// One node for all tests, since it needs two seconds to begin; a new store is a shard that was never used.
struct Cluster {
  sublet::test::RedisClusterNode node;
  SeededRandom random{1};
  ShardNumber last = 0;

  static Cluster& instance() {
    static Cluster cluster;
    return cluster;
  }

  std::unique_ptr<RedisStore> open_last() {
    auto store = RedisStore::open(node.address(), {.shard = last}, random);
    EXPECT_TRUE(store) << to_text(store.error());
    return std::move(*store);
  }
};

StoreFactory redis_cluster() {
  return {.name = "redis_cluster",
          .open =
              [] {
                ++Cluster::instance().last;
                return Cluster::instance().open_last();
              },
          .reopen = [] { return Cluster::instance().open_last(); }};
}

INSTANTIATE_TEST_SUITE_P(RedisCluster, StoreSuite, ::testing::Values(redis_cluster()));
INSTANTIATE_TEST_SUITE_P(RedisCluster, PagingSuite, ::testing::Values(redis_cluster()));

struct RedisCluster : StoreSuite {};

TEST_P(RedisCluster, KeepsEveryKeyOfAShardInOneSlot) {
  const auto store = GetParam().open();
  auto& cluster = Cluster::instance();
  auto writes = one_of_each();
  for (std::uint64_t item = 10; item < 20; ++item) writes.push_back({test::bytes_key(item), test::large('a')});
  ASSERT_TRUE(commit(*store, 1, writes));
  ASSERT_TRUE(commit(*store, 2, {{test::bytes_key(10), Erase{}}, {test::bytes_key(11), test::large('b')}}));
  const auto keys = cluster.node.keys("sublet:{" + std::to_string(cluster.last) + "}:*");
  EXPECT_EQ(keys.size(), 2U + 9U) << "the hash, the hold, and the large bytes that are left";
  std::set<std::int64_t> slots;
  for (const auto& key : keys) slots.insert(cluster.node.run({"CLUSTER", "KEYSLOT", key}).integer());
  EXPECT_EQ(slots.size(), 1U);
}

INSTANTIATE_TEST_SUITE_P(OneNode, RedisCluster, ::testing::Values(redis_cluster()));

}  // namespace
}  // namespace sublet::broker::conformance
