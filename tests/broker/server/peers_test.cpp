#include "broker/peers.hpp"

#include <gtest/gtest.h>

namespace sublet::broker {
namespace {

using wire::Plane;

constexpr Token kToken{.high = 1, .low = 2};

wire::Hello hello_of(std::uint64_t instance, Token token = {}, ShardNumber shard = 0) {
  wire::Hello hello;
  hello.shard = shard;
  hello.instance = instance;
  hello.token = token;
  return hello;
}

TEST(Peers, AreStrangersOnBulkUntilTheyNameTheirTokenThere) {
  Peers peers;
  const PeerId id = peers.add("c1", hello_of(7), kToken, Instant{}).id;
  EXPECT_EQ(peers.find(Plane::bulk, "b1"), nullptr);
  ASSERT_TRUE(peers.tie("b1", hello_of(7, kToken)));
  EXPECT_EQ(peers.find(Plane::bulk, "b1")->id, id);
  EXPECT_EQ(peers.find(Plane::control, "c1")->id, id);
}

TEST(Peers, AreFoundOnTheirOwnPlaneOnly) {
  Peers peers;
  peers.add("same", hello_of(7), kToken, Instant{});
  EXPECT_EQ(peers.find(Plane::bulk, "same"), nullptr);
}

TEST(Peers, RefuseABulkConnectionWithAnotherToken) {
  Peers peers;
  peers.add("c1", hello_of(7), kToken, Instant{});
  const auto tied = peers.tie("b1", hello_of(7, {.high = 1, .low = 3}));
  ASSERT_FALSE(tied);
  EXPECT_EQ(tied.error().code, ErrorCode::hello_required);
  EXPECT_EQ(peers.find(Plane::bulk, "b1"), nullptr);
}

TEST(Peers, RefuseTheTokenOfAnotherProcess) {
  Peers peers;
  peers.add("c1", hello_of(7), kToken, Instant{});
  peers.add("c2", hello_of(8), {.high = 3, .low = 4}, Instant{});
  EXPECT_FALSE(peers.tie("b2", hello_of(8, kToken)));
}

TEST(Peers, MayMoveTheirBulkPlaneToANewConnection) {
  Peers peers;
  peers.add("c1", hello_of(7), kToken, Instant{});
  ASSERT_TRUE(peers.tie("b1", hello_of(7, kToken)));
  ASSERT_TRUE(peers.tie("b2", hello_of(7, kToken)));
  EXPECT_EQ(peers.find(Plane::bulk, "b1"), nullptr);
  EXPECT_EQ(peers.find(Plane::bulk, "b2")->bulk, "b2");
}

TEST(Peers, NeverShareABulkConnection) {
  Peers peers;
  const PeerId first = peers.add("c1", hello_of(7), kToken, Instant{}).id;
  const PeerId second = peers.add("c2", hello_of(8), {.high = 3, .low = 4}, Instant{}).id;
  ASSERT_TRUE(peers.tie("b1", hello_of(7, kToken)));
  ASSERT_TRUE(peers.tie("b1", hello_of(8, {.high = 3, .low = 4})));
  EXPECT_EQ(peers.find(Plane::bulk, "b1")->id, second);
  EXPECT_TRUE(peers.find(first)->bulk.empty());
  peers.remove(first);
  EXPECT_EQ(peers.find(Plane::bulk, "b1")->id, second);
}

TEST(Peers, LeaveNothingBehindWhenRemoved) {
  Peers peers;
  const PeerId id = peers.add("c1", hello_of(7), kToken, Instant{}).id;
  ASSERT_TRUE(peers.tie("b1", hello_of(7, kToken)));
  peers.remove(id);
  EXPECT_EQ(peers.find(id), nullptr);
  EXPECT_EQ(peers.find(Plane::control, "c1"), nullptr);
  EXPECT_EQ(peers.find(Plane::bulk, "b1"), nullptr);
  EXPECT_EQ(peers.find_instance(7, 0), nullptr);
  EXPECT_EQ(peers.size(), 0U);
}

TEST(Peers, NeverGetAnIdTwice) {
  Peers peers;
  const PeerId first = peers.add("c1", hello_of(7), kToken, Instant{}).id;
  peers.remove(first);
  EXPECT_NE(peers.add("c1", hello_of(7), kToken, Instant{}).id, first);
}

TEST(Peers, AreSilentWhenLastHeardBefore) {
  Peers peers;
  const PeerId quiet = peers.add("c1", hello_of(7), kToken, Instant{1s}).id;
  peers.add("c2", hello_of(8), kToken, Instant{2s});
  EXPECT_EQ(peers.silent_since(Instant{1s}), std::vector<PeerId>{});
  EXPECT_EQ(peers.silent_since(Instant{2s}), std::vector{quiet});
}

TEST(Peers, OfOneProcessAreOneForEachShard) {
  Peers peers;
  const PeerId first = peers.add("c1", hello_of(7), kToken, Instant{}).id;
  const PeerId second = peers.add("c2", hello_of(7, {}, 1), {.high = 3, .low = 4}, Instant{}).id;
  EXPECT_EQ(peers.find_instance(7, 0)->id, first);
  EXPECT_EQ(peers.find_instance(7, 1)->id, second);
  EXPECT_FALSE(peers.tie("b2", hello_of(7, kToken, 1))) << "the token is the other shard's";
  EXPECT_EQ(peers.of_shard(1), std::vector{second});
  EXPECT_EQ(peers.count(wire::Role::producer), 1U);
}

}  // namespace
}  // namespace sublet::broker
