// What jobs and leases leave in a real Redis.

#include <chrono>
#include <optional>

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "broker/stores/record_codec.hpp"
#include "broker/stores/redis_keys.hpp"
#include "broker/stores/redis_store.hpp"
#include "common/io/clock.hpp"
#include "tests/broker/server/hand_peer.hpp"
#include "tests/broker/server/running_server.hpp"
#include "tests/broker/server/sample_job.hpp"
#include "tests/support/redis_server.hpp"

namespace sublet::broker::test {
namespace {

using sublet::test::RedisServer;
using wire::Role;

struct JobsInRedis : testing::Test {
  JobsInRedis() { start(); }

  void start() {
    server.reset();
    server.emplace(any_ports(), RedisStore::open(redis.address(), {}, random).value());
    producer.emplace(context, server->control(), Role::producer, ++instances);
    worker.emplace(context, server->control(), Role::worker, ++instances);
  }

  JobId open() {
    producer->bulk.send(sample_open(), 10, sample_bundle_bytes());
    return producer->bulk.expect<wire::Opened>().message.job;
  }

  void submit(JobId job, std::uint64_t chunk, const std::string& payload) {
    const auto size = static_cast<std::uint32_t>(payload.size());
    producer->bulk.send(wire::Submit{.job = job, .chunks = {{.first = chunk, .count = 1}}, .lengths = {{size}}}, 20, payload);
    EXPECT_EQ(producer->bulk.expect<wire::Accepted>().message.job, job);
  }

  wire::Lease lease() {
    worker->control.send(sample_offer(), 0);
    return worker->control.expect<wire::Lease>().message;
  }

  std::vector<wire::LeaseTtl> renew(const wire::Lease& lease) {
    worker->control.send(wire::Renew{.leases = {{.lease = lease.lease, .token = lease.token, .grants = {}}}}, 30);
    return worker->control.expect<wire::Renewed>().message.leases;
  }

  bool tear_down(JobId job) {
    producer->control.send(wire::Teardown{.job = job}, 40);
    return producer->control.expect<wire::Removed>().message.found;
  }

  /// Fields of the shard's hash that are records.
  std::vector<std::string> records() {
    std::vector<std::string> fields;
    const auto reply = redis.run({"HKEYS", "sublet:{0}:state"});
    for (std::size_t index = 0; index < reply.size(); ++index) {
      if (const auto field = reply.at(index).text(); !field.starts_with('!')) fields.emplace_back(field);
    }
    return fields;
  }

  LeaseRecord record_of(LeaseId id) {
    const auto text = redis.text({"HGET", "sublet:{0}:state", field_of({.kind = RecordKind::lease, .owner = id.value})});
    return std::get<LeaseRecord>(decode_record(RecordKind::lease, as_view(text)).value());
  }

  RedisServer redis;
  SeededRandom random{1};
  io::Context context;
  std::uint64_t instances = 0;
  std::optional<RunningServer> server;
  std::optional<HandPeer> producer;
  std::optional<HandPeer> worker;
};

TEST_F(JobsInRedis, J5_TeardownLeavesNoKeyOfAJobAndTwiceIsOnce) {
  const auto keys = redis.keys("*");
  ASSERT_TRUE(records().empty());
  const auto job = open();
  submit(job, 0, std::string(1000, 'a'));
  submit(job, 1, "short");
  EXPECT_GT(records().size(), 4U) << "bundle, job, progress, ids, batches, payloads";
  EXPECT_GT(redis.keys("*").size(), keys.size()) << "a large payload has a key of its own";
  EXPECT_TRUE(tear_down(job));
  EXPECT_EQ(records(), std::vector<std::string>());
  EXPECT_EQ(redis.keys("*").size(), keys.size());
  EXPECT_FALSE(tear_down(job));
}

TEST_F(JobsInRedis, L5_LeasesHaveNewIdsAfterTheBrokerWasStartedAgain) {
  submit(open(), 0, "abc");
  const auto before = lease();
  worker->control.send(wire::Release{.lease = before.lease, .code = ErrorCode::ok}, 0);
  EXPECT_TRUE(renew(before).empty());
  start();
  EXPECT_NE(lease().lease, before.lease);
}

TEST_F(JobsInRedis, L6_TheDeadlineInRedisIsThatOfTheLeaseAndMovesWithEveryRenewal) {
  submit(open(), 0, "abc");
  const auto given = lease();
  const auto left = [&] {
    const auto now = std::chrono::duration_cast<Millis>(io::now().time_since_epoch()).count();
    return static_cast<std::int64_t>(record_of(given.lease).deadline_ms) - now;
  };
  const auto first = record_of(given.lease).deadline_ms;
  // The owner ends it a second after its holder does.
  EXPECT_LE(left(), given.ttl_ms + 1000);
  EXPECT_GT(left(), 0);
  // The clock of the record has milliseconds.
  for (int attempt = 0; attempt < 1000 && record_of(given.lease).deadline_ms == first; ++attempt) EXPECT_EQ(renew(given).size(), 1U);
  EXPECT_GT(record_of(given.lease).deadline_ms, first);
  EXPECT_LE(left(), given.ttl_ms + 1000);
}

TEST_F(JobsInRedis, L7_ALeaseThatHasEndedIsRenewedByNobody) {
  submit(open(), 0, "abc");
  const auto given = lease();
  EXPECT_EQ(renew(given).size(), 1U);
  worker->control.send(wire::Release{.lease = given.lease, .code = ErrorCode::ok}, 0);
  EXPECT_TRUE(renew(given).empty());
  for (const auto& field : records()) EXPECT_FALSE(field.starts_with("lease:" + fmt::format("{:x}", given.lease.value)));
}

}  // namespace
}  // namespace sublet::broker::test
