#include <gtest/gtest.h>

#include "tests/broker/server/hand_peer.hpp"
#include "tests/broker/server/held_store.hpp"
#include "tests/broker/server/running_server.hpp"
#include "tests/broker/server/sample_job.hpp"

namespace sublet::broker::test {
namespace {

using wire::Role;

/// A server whose store answers when the test says so, and a producer with an open job.
struct Committing : testing::Test {
  Committing() {
    producer.bulk.send(sample_open(), 10, sample_bundle_bytes());
    gate.wait_for_commits(1);
    gate.let_one_go();
    job = producer.bulk.expect<wire::Opened>().message.job;
  }

  void submit(std::uint64_t chunk, std::uint64_t request) {
    producer.bulk.send(wire::Submit{.job = job, .chunks = {{.first = chunk, .count = 1}}, .lengths = {{3}}}, request, "abc");
  }

  CommitGate gate;
  io::Context context;
  RunningServer server{any_ports(), std::make_unique<HeldStore>(gate)};
  HandPeer producer{context, server.control(), Role::producer, 1};
  JobId job;
};

TEST_F(Committing, SendsNothingBeforeTheStoreHasAnswered) {
  submit(0, 20);
  gate.wait_for_commits(2);
  // Both planes are alive, and the answer is not on its way: it would have overtaken the second PONG.
  producer.control.round_trip();
  producer.bulk.round_trip();
  EXPECT_FALSE(producer.bulk.socket().receive());
  gate.let_one_go();
  EXPECT_EQ(producer.bulk.expect<wire::Accepted>().request, 20U);
}

TEST_F(Committing, SendsARunWhileItsCommitIsOnItsWay) {
  gate.open();
  HandPeer worker(context, server.control(), Role::worker, 2);
  worker.control.send(sample_offer());
  submit(0, 20);
  EXPECT_EQ(producer.bulk.expect<wire::Accepted>().request, 20U);
  const auto lease = worker.control.expect<wire::Lease>().message;
  worker.control.send(wire::Window{.lease = lease.lease, .chunks = 64, .bytes = 1U << 20U});
  const auto run = worker.bulk.expect<wire::Run>().message;
  worker.bulk.send(
      wire::Settle{.lease = run.lease, .grant = run.grant, .token = run.token, .codes = {}, .details = {}, .lengths = {{0}}, .micros = {}},
      12);
  EXPECT_EQ(worker.bulk.expect<wire::Settled>().request, 12U);

  gate.close();
  submit(1, 21);
  EXPECT_EQ(worker.bulk.expect<wire::Run>().message.chunks, (std::vector<ChunkRange>{{.first = 1, .count = 1}}));
  producer.bulk.round_trip();
  EXPECT_FALSE(producer.bulk.socket().receive()) << "what is accepted is stored first";
  gate.open();
  EXPECT_EQ(producer.bulk.expect<wire::Accepted>().request, 21U);
}

TEST_F(Committing, PutsWhatArrivedMeanwhileIntoOneCommit) {
  submit(0, 20);
  gate.wait_for_commits(2);
  for (std::uint64_t chunk = 1; chunk <= 50; ++chunk) submit(chunk, 20 + chunk);
  producer.bulk.round_trip();
  gate.open();
  for (std::uint64_t chunk = 0; chunk <= 50; ++chunk) EXPECT_EQ(producer.bulk.expect<wire::Accepted>().request, 20 + chunk);
  EXPECT_EQ(server.stop().commits, 3U) << "the OPEN, the lone SUBMIT, and the fifty that came meanwhile";
}

TEST_F(Committing, EndsWithTheReasonWhenTheStoreRefuses) {
  submit(0, 20);
  gate.let_one_go(fail(ErrorCode::store_unavailable, "the disk is full: make room"));
  const auto outcome = server.outcome();
  ASSERT_FALSE(outcome);
  EXPECT_EQ(outcome.error().code, ErrorCode::store_unavailable);
  EXPECT_FALSE(producer.bulk.socket().receive()) << "nothing may be promised that was not stored";
}

}  // namespace
}  // namespace sublet::broker::test
