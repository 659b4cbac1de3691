// The loop over a real Redis that misbehaves: what was not stored is not promised, and what passes is waited for.

#include "tests/support/redis_server.hpp"

#include <gtest/gtest.h>

#include "broker/stores/redis_store.hpp"
#include "tests/broker/server/hand_peer.hpp"
#include "tests/broker/server/running_server.hpp"
#include "tests/broker/server/sample_job.hpp"

namespace sublet::broker::test {
namespace {

using sublet::test::RedisServer;
using wire::Role;

/// A server over a Redis of its own, and a producer with an open job.
struct OverRedis : testing::Test {
  OverRedis() {
    producer.bulk.send(sample_open(), 10, sample_bundle_bytes());
    job = producer.bulk.expect<wire::Opened>().message.job;
  }

  std::unique_ptr<Store> open_store() { return RedisStore::open(redis.address(), {}, random).value(); }

  void submit(std::uint64_t chunk, std::uint64_t request) {
    producer.bulk.send(wire::Submit{.job = job, .chunks = {{.first = chunk, .count = 1}}, .lengths = {{3}}}, request, "abc");
  }

  /// Whether the answer to a SUBMIT is ACCEPTED, on bulk, rather than an ERROR, on control.
  bool is_accepted() {
    io::Poller poller;
    const auto bulk = poller.add(producer.bulk.socket());
    poller.add(producer.control.socket());
    EXPECT_GT(poller.wait(kPatience), 0U) << "no answer came";
    const auto refused = producer.control.socket().receive();
    return poller.readable(bulk) || !refused;
  }

  RedisServer redis;
  SeededRandom random{1};
  io::Context context;
  RunningServer server{any_ports(), open_store()};
  HandPeer producer{context, server.control(), Role::producer, 1};
  JobId job;
};

TEST_F(OverRedis, E7_PromisesNothingWhileRedisIsAwayAndEverythingWhenItIsBack) {
  redis.signal(SIGSTOP);
  submit(0, 20);
  producer.control.round_trip();
  producer.bulk.round_trip();
  EXPECT_FALSE(producer.bulk.socket().receive());
  redis.signal(SIGCONT);
  EXPECT_EQ(producer.bulk.expect<wire::Accepted>().request, 20U);
}

TEST_F(OverRedis, E7_GoesOnAfterRedisWasKilledAndStartedAgain) {
  submit(0, 20);
  EXPECT_EQ(producer.bulk.expect<wire::Accepted>().request, 20U);
  redis.kill();
  submit(1, 21);
  redis.start();
  EXPECT_EQ(producer.bulk.expect<wire::Accepted>().request, 21U);
}

TEST_F(OverRedis, RefusesSubmitsWhileRedisIsFullAndTakesThemWhenThereIsRoom) {
  ASSERT_EQ(redis.text({"CONFIG", "SET", "maxmemory", "1"}), "OK");
  // What finds out that it is full still goes in, since it has been decided.
  submit(0, 20);
  EXPECT_EQ(producer.bulk.expect<wire::Accepted>().request, 20U);
  submit(1, 21);
  const auto refused = producer.control.expect_error();
  EXPECT_EQ(refused.request, 21U);
  EXPECT_EQ(refused.message.code, ErrorCode::resource_exhausted);
  EXPECT_GT(refused.message.retry_after_ms, 0U);
  ASSERT_EQ(redis.text({"CONFIG", "SET", "maxmemory", "0"}), "OK");
  for (std::uint64_t request = 22;; ++request) {
    submit(1, request);
    if (is_accepted()) break;
  }
}

TEST_F(OverRedis, TellsItsPeersWhenAnotherBrokerHasTakenTheShard) {
  ASSERT_EQ(redis.run({"DEL", "sublet:{0}:owner"}).integer(), 1);
  const auto second = open_store();
  submit(0, 20);
  const auto told = producer.control.expect_error();
  EXPECT_EQ(told.request, 0U);
  EXPECT_EQ(told.message.code, ErrorCode::not_owner);
  producer.control.send(wire::Hello{.instance = 1}, 30);
  EXPECT_EQ(producer.control.expect_error().message.code, ErrorCode::not_owner) << "the broker serves a shard that it lost";
  EXPECT_FALSE(producer.bulk.socket().receive()) << "nothing may be promised that was not stored";
  const auto records = second->load();
  ASSERT_TRUE(records);
  for (const auto& [key, value] : *records) EXPECT_NE(key.kind, RecordKind::batch);
}

}  // namespace
}  // namespace sublet::broker::test
