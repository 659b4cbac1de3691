#include "broker/stores/cluster_record.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace sublet::broker {
namespace {

using testing::HasSubstr;

constexpr ClusterRecord kSecondOfTwo{.id = 7, .layout = {.shards = 4, .spread = 2}, .stores = 2, .place = 1};

Result<void> check(const ClusterWishes& wishes, std::uint32_t place = 1, std::uint64_t first = 7) {
  return check_cluster("redis://x", kSecondOfTwo, wishes, place, first);
}

std::string complaint(const Result<void>& result) { return result ? "" : to_text(result.error()); }

TEST(ClusterRecord, AgreesWithABrokerThatSaysNothingOrTheSame) {
  EXPECT_EQ(complaint(check({.stores = 2})), "");
  EXPECT_EQ(complaint(check({.shards = 4, .spread = 2, .stores = 2})), "");
}

TEST(ClusterRecord, IsChosenOnce) {
  EXPECT_THAT(complaint(check({.shards = 8, .stores = 2})), HasSubstr("has 4 shards and --shards says 8"));
  EXPECT_THAT(complaint(check({.shards = 4, .spread = 1, .stores = 2})), HasSubstr("use 2 shards each and --spread says 1"));
}

TEST(ClusterRecord, NamesTheOrderOfItsStores) {
  EXPECT_THAT(complaint(check({.stores = 2}, 0)), HasSubstr("store number 2 of its cluster and is given as number 1"));
  EXPECT_THAT(complaint(check({.stores = 3})), HasSubstr("has 2 stores and 3 are given"));
  EXPECT_THAT(complaint(check({.stores = 2}, 1, 8)), HasSubstr("another cluster"));
}

TEST(ClusterWishes, HaveAShardForEachStore) {
  EXPECT_EQ((ClusterWishes{.stores = 3}.layout()), (Layout{.shards = 3}));
  EXPECT_THAT(complaint(check_wishes({.shards = 2, .stores = 3})), HasSubstr("3 stores for 2 shards"));
}

TEST(ClusterWishes, SpreadNoQueueOverMoreShardsThanThereAre) {
  EXPECT_THAT(complaint(check_wishes({.shards = 2, .spread = 3})), HasSubstr("--spread 3 is more than --shards 2"));
  EXPECT_THAT(complaint(check_wishes({.spread = 2})), HasSubstr("goes with --shards"));
  EXPECT_EQ(complaint(check_wishes({.shards = 2, .spread = 2})), "");
}

}  // namespace
}  // namespace sublet::broker
