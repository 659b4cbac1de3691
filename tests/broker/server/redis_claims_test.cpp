// Several brokers over one Redis share its shards, and say of every other who serves it.

#include "broker/redis_claims.hpp"

#include <map>
#include <set>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "common/io/clock.hpp"
#include "tests/broker/server/hand_peer.hpp"
#include "tests/broker/server/running_server.hpp"
#include "tests/broker/server/sample_job.hpp"
#include "tests/support/redis_server.hpp"

namespace sublet::broker::test {
namespace {

using sublet::test::RedisServer;
using testing::HasSubstr;
using wire::Role;

using Shards = std::set<ShardNumber>;

Result<std::unique_ptr<RedisClaims>> claims_in(const std::vector<std::string>& urls, std::optional<std::uint16_t> shards,
                                               std::optional<std::uint16_t> spread = std::nullopt) {
  const ClusterWishes cluster{.shards = shards, .spread = spread, .stores = static_cast<std::uint32_t>(urls.size())};
  return RedisClaims::open(urls, cluster, {}, {}, io::silent_log());
}

struct SharedRedis : testing::Test {
  std::unique_ptr<RunningServer> broker(std::uint16_t shards = 4) {
    return std::make_unique<RunningServer>(any_ports(), claims_in({redis.url()}, shards).value());
  }

  /// What a broker answers to HELLO for a shard.
  wire::Message hello(const RunningServer& broker, ShardNumber shard) {
    HandConnection connection(context, broker.control());
    connection.send(wire::Hello{.shard = shard, .instance = ++last_instance}, 1);
    return connection.expect_any();
  }

  Shards served_by(const RunningServer& broker) {
    Shards served;
    for (ShardNumber shard = 0; shard < 4; ++shard) {
      if (std::holds_alternative<wire::Welcome>(hello(broker, shard))) served.insert(shard);
    }
    return served;
  }

  /// Asks again and again, until it serves as many.
  Shards wait_until_serves(const RunningServer& broker, std::size_t count) {
    const auto deadline = io::now() + kPatience;
    auto served = served_by(broker);
    while (served.size() != count && io::now() < deadline) served = served_by(broker);
    EXPECT_EQ(served.size(), count);
    return served;
  }

  /// Until `broker` names `owner` for a shard.
  void wait_until_names(const RunningServer& broker, ShardNumber shard, const std::string& owner) {
    const auto deadline = io::now() + kPatience;
    std::string named = "nobody was asked";
    while (named != owner && io::now() < deadline) {
      const auto answer = hello(broker, shard);
      const auto* error = std::get_if<wire::ErrorReply>(&answer);
      named = error == nullptr ? "it serves the shard itself" : error->owner;
    }
    EXPECT_EQ(named, owner);
  }

  RedisServer redis;
  io::Context context;
  std::uint64_t last_instance = 100;
};

TEST_F(SharedRedis, IsServedWholeByABrokerAlone) {
  const auto alone = broker();
  EXPECT_EQ(wait_until_serves(*alone, 4), (Shards{0, 1, 2, 3}));
}

TEST_F(SharedRedis, IsSharedWithABrokerThatJoins) {
  const auto first = broker();
  wait_until_serves(*first, 4);
  const auto second = broker();
  auto all = wait_until_serves(*second, 2);
  all.merge(wait_until_serves(*first, 2));
  EXPECT_EQ(all, (Shards{0, 1, 2, 3}));
}

TEST_F(SharedRedis, IsKnownToEveryBroker) {
  const auto first = broker();
  wait_until_serves(*first, 4);
  const auto second = broker();
  for (const auto shard : wait_until_serves(*second, 2)) wait_until_names(*first, shard, second->control());
  for (const auto shard : wait_until_serves(*first, 2)) wait_until_names(*second, shard, first->control());
}

TEST_F(SharedRedis, KeepsItsOnlyShardWhereItIsWhenABrokerJoins) {
  const auto first = broker(1);
  wait_until_serves(*first, 1);
  const auto second = broker(1);
  wait_until_names(*second, 0, first->control());
  EXPECT_EQ(served_by(*first), Shards{0});
}

TEST_F(SharedRedis, IsGivenBackOnACleanStopWithoutWaitingForTheHoldToPass) {
  auto first = broker(1);
  wait_until_serves(*first, 1);
  const auto second = broker(1);
  wait_until_names(*second, 0, first->control());
  HandPeer producer(context, first->control(), Role::producer, 1);
  producer.bulk.round_trip();
  first->stop();
  const auto told = producer.control.expect_error();
  EXPECT_EQ(told.request, 0U);
  EXPECT_EQ(told.message.code, ErrorCode::not_owner);
  const auto former = first->control();
  first.reset();
  // Its hold would have lasted for 1.5 s. The second one may have been faster than this look.
  EXPECT_THAT(redis.text({"GET", "sublet:{0}:owner"}), testing::Not(HasSubstr(former)));
  EXPECT_THAT(redis.text({"ZSCORE", "sublet:{cluster}:brokers", former}), "");
  wait_until_serves(*second, 1);
}

TEST_F(SharedRedis, KeepsWhatWasAcceptedWhenAShardChangesHands) {
  auto first = broker(1);
  wait_until_serves(*first, 1);
  JobId job;
  {
    HandPeer producer(context, first->control(), Role::producer, 1);
    producer.bulk.send(sample_open(), 10, sample_bundle_bytes());
    job = producer.bulk.expect<wire::Opened>().message.job;
    producer.bulk.send(wire::Submit{.job = job, .chunks = {{.first = 0, .count = 1}}, .lengths = {{3}}}, 11, "abc");
    producer.bulk.expect<wire::Accepted>();
  }
  const auto second = broker(1);
  first.reset();
  wait_until_serves(*second, 1);
  HandPeer producer(context, second->control(), Role::producer, 1);
  producer.control.send(wire::Watch{.job = job}, 12);
  EXPECT_EQ(producer.control.expect<wire::Event>().message.job.accepted, 1U);
}

TEST_F(SharedRedis, RemembersHowTheClusterIsCut) {
  {
    const auto first = broker(4);
  }
  const auto again = claims_in({redis.url()}, std::nullopt);
  ASSERT_TRUE(again) << to_text(again.error());
  EXPECT_EQ((*again)->layout(), (Layout{.shards = 4}));
  const auto other = claims_in({redis.url()}, 8);
  ASSERT_FALSE(other);
  EXPECT_EQ(other.error().code, ErrorCode::bad_argument);
  EXPECT_THAT(other.error().detail, HasSubstr("has 4 shards and --shards says 8"));
}

TEST_F(SharedRedis, HasAsManyMoreShardsAsThereAreMoreStores) {
  const RedisServer other;
  const RunningServer both(any_ports(), claims_in({redis.url(), other.url()}, 4).value());
  wait_until_serves(both, 4);
  EXPECT_THAT(redis.keys("sublet:{*}:owner"), testing::UnorderedElementsAre("sublet:{0}:owner", "sublet:{2}:owner"));
  EXPECT_THAT(other.keys("sublet:{*}:owner"), testing::UnorderedElementsAre("sublet:{1}:owner", "sublet:{3}:owner"));
}

TEST_F(SharedRedis, RefusesItsStoresInAnotherOrder) {
  const RedisServer other;
  ASSERT_TRUE(claims_in({redis.url(), other.url()}, 4));
  const auto turned = claims_in({other.url(), redis.url()}, 4);
  ASSERT_FALSE(turned);
  EXPECT_EQ(turned.error().code, ErrorCode::bad_argument);
  EXPECT_THAT(turned.error().detail, HasSubstr("it is store number 2 of its cluster and is given as number 1"));
  const auto half = claims_in({redis.url()}, 4);
  ASSERT_FALSE(half);
  EXPECT_THAT(half.error().detail, HasSubstr("has 2 stores and 1 are given"));
}

TEST_F(SharedRedis, RefusesAStoreOfAnotherCluster) {
  const RedisServer other;
  ASSERT_TRUE(claims_in({redis.url()}, 4));
  ASSERT_TRUE(claims_in({other.url()}, 4));
  EXPECT_FALSE(claims_in({redis.url(), other.url()}, 4));
}

/// Lets it look at its stores until `done`, which it returns, or an error.
template <class Done>
Result<void> look_until(RedisClaims& claims, Done done) {
  io::Poller poller;
  for (const int fd : claims.fds()) poller.add(fd);
  const auto deadline = io::now() + kPatience;
  while (!done() && io::now() < deadline) {
    poller.wait(1s);
    if (auto changes = claims.changes(io::now()); !changes) return std::unexpected(changes.error());
  }
  EXPECT_TRUE(done());
  return {};
}

TEST_F(SharedRedis, IsNotServedWhereSomebodyElsesKeyStandsInTheWay) {
  static_cast<void>(redis.run({"LPUSH", "sublet:{cluster}:brokers", "x"}));
  auto claims = claims_in({redis.url()}, 4).value();
  claims->begin("tcp://127.0.0.1:7450");
  const auto ended = look_until(*claims, [&] { return claims->has_settled(); });
  ASSERT_FALSE(ended);
  EXPECT_THAT(ended.error().detail, AllOf(HasSubstr("sublet:{cluster}:brokers"), HasSubstr("use another database")));
}

TEST_F(SharedRedis, IsOutOfSightWhileSomebodyElsesKeyStandsInTheWay) {
  auto claims = claims_in({redis.url()}, 4).value();
  claims->begin("tcp://127.0.0.1:7450");
  ASSERT_TRUE(look_until(*claims, [&] { return claims->has_settled() && !claims->trouble(io::now()); }));
  static_cast<void>(redis.run({"DEL", "sublet:{cluster}:brokers"}));
  static_cast<void>(redis.run({"LPUSH", "sublet:{cluster}:brokers", "x"}));
  const auto detail = [&] {
    const auto trouble = claims->trouble(io::now());
    return trouble ? trouble->detail : std::string();
  };
  ASSERT_TRUE(look_until(*claims, [&] { return detail().contains("sublet:{cluster}:brokers"); }));
  static_cast<void>(redis.run({"DEL", "sublet:{cluster}:brokers"}));
  ASSERT_TRUE(look_until(*claims, [&] { return detail().empty(); }));
}

TEST(SharedRedisCluster, HasShardsInDifferentSlots) {
  const sublet::test::RedisClusterNode redis;
  RunningServer broker(any_ports(), claims_in({redis.url()}, 4).value());
  io::Context context;
  for (ShardNumber shard = 0; shard < 4; ++shard) {
    const auto deadline = io::now() + kPatience;
    for (std::uint64_t instance = 1;; ++instance) {
      HandConnection connection(context, broker.control());
      connection.send(wire::Hello{.shard = shard, .instance = instance}, 1);
      if (std::holds_alternative<wire::Welcome>(connection.expect_any())) break;
      ASSERT_LT(io::now(), deadline) << "shard " << shard << " is not served";
    }
  }
}

}  // namespace
}  // namespace sublet::broker::test
