// One process, several shards: they share the sockets and nothing else.

#include <gtest/gtest.h>

#include "tests/broker/server/hand_peer.hpp"
#include "tests/broker/server/held_store.hpp"
#include "tests/broker/server/running_server.hpp"
#include "tests/broker/server/sample_job.hpp"

namespace sublet::broker::test {
namespace {

using wire::Role;

/// The queue's name, of which the home is `shard`.
std::string queue_in(const Layout& layout, ShardNumber shard) {
  for (int n = 0;; ++n) {
    auto queue = "q" + std::to_string(n);
    if (shards_of(layout, queue).front() == shard) return queue;
  }
}

/// The store of shard 0 answers when the test says so, that of shard 1 at once. One process has connections for both.
struct TwoShards : testing::Test {
  static std::vector<std::unique_ptr<Store>> stores(CommitGate& gate) {
    std::vector<std::unique_ptr<Store>> stores;
    stores.push_back(std::make_unique<HeldStore>(gate));
    stores.push_back(memory_store());
    return stores;
  }

  JobId open(HandPeer& producer, ShardNumber shard) {
    auto open = sample_open();
    open.spec.queue = queue_in({.shards = 2}, shard);
    producer.bulk.send(open, 10, sample_bundle_bytes());
    if (shard == 0) gate.let_one_go();
    return producer.bulk.expect<wire::Opened>().message.job;
  }

  static void submit(HandPeer& producer, JobId job, std::uint64_t request) {
    producer.bulk.send(wire::Submit{.job = job, .chunks = {{.first = request, .count = 1}}, .lengths = {{3}}}, request, "abc");
  }

  CommitGate gate;
  io::Context context;
  RunningServer server{any_ports(), claims_of(stores(gate))};
  HandPeer slow{context, server.control(), Role::producer, 1, {}, 0};
  HandPeer quick{context, server.control(), Role::producer, 1, {}, 1};
};

TEST_F(TwoShards, AreServedToOneProcessOverTheSameEndpoints) {
  EXPECT_EQ(slow.welcome.shards, 2U);
  EXPECT_EQ(shard_of(open(slow, 0)), 0U);
  EXPECT_EQ(shard_of(open(quick, 1)), 1U);
}

TEST_F(TwoShards, DoNotWaitForEachOthersStore) {
  const auto held_up = open(slow, 0);
  const auto job = open(quick, 1);
  submit(slow, held_up, 20);
  gate.wait_for_commits(2);
  submit(quick, job, 21);
  EXPECT_EQ(quick.bulk.expect<wire::Accepted>().request, 21U);
  EXPECT_FALSE(slow.bulk.socket().receive());
  gate.let_one_go();
  EXPECT_EQ(slow.bulk.expect<wire::Accepted>().request, 20U);
}

TEST_F(TwoShards, RefuseSubmitsThatAStoreIsTooFarBehindForAndTakeThoseOfTheOther) {
  const auto held_up = open(slow, 0);
  const auto job = open(quick, 1);
  submit(slow, held_up, 20);
  gate.wait_for_commits(2);
  for (int n = 0; n < 8'192; ++n) slow.bulk.send(wire::Taken{.job = held_up, .cursor = {}});
  submit(slow, held_up, 30);
  const auto refused = slow.bulk.expect_error();
  EXPECT_EQ(refused.request, 30U);
  EXPECT_EQ(refused.message.code, ErrorCode::resource_exhausted);
  EXPECT_GT(refused.message.retry_after_ms, 0U);
  submit(quick, job, 21);
  EXPECT_EQ(quick.bulk.expect<wire::Accepted>().request, 21U);
}

TEST_F(TwoShards, KnowNothingOfEachOthersJobs) {
  const auto job = open(quick, 1);
  slow.control.send(wire::Watch{.job = job}, 40);
  const auto refused = slow.control.expect_error();
  EXPECT_EQ(refused.request, 40U);
  EXPECT_EQ(refused.message.code, ErrorCode::not_found);
}

}  // namespace
}  // namespace sublet::broker::test
