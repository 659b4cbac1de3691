#include <gtest/gtest.h>

#include "tests/broker/server/hand_peer.hpp"
#include "tests/broker/server/running_server.hpp"
#include "tests/broker/server/sample_job.hpp"

namespace sublet::broker::test {
namespace {

using wire::Role;

/// A worker and a producer played by hand, up to a session that is up.
struct WholeJob : testing::Test {
  explicit WholeJob(ServerOptions options = any_ports(), const BrokerOptions& rules = {})
      : server(options, claims_of(memory_store(), rules)) {}

  JobId open() {
    producer.bulk.send(sample_open(), 10, sample_bundle_bytes());
    const auto opened = producer.bulk.expect<wire::Opened>();
    EXPECT_EQ(opened.request, 10U);
    return opened.message.job;
  }

  /// "one", "three" and nothing.
  void submit_three(JobId job) {
    producer.bulk.send(wire::Submit{.job = job, .chunks = {{.first = 5, .count = 3}}, .lengths = {{3, 5, 0}}}, 11, "onethree");
    const auto accepted = producer.bulk.expect<wire::Accepted>();
    EXPECT_EQ(accepted.request, 11U);
    EXPECT_EQ(accepted.message.fresh, 3U);
  }

  wire::Lease receive_lease() {
    worker.control.send(sample_offer());
    return worker.control.expect<wire::Lease>().message;
  }

  /// From here on RUNs may come at any moment.
  void open_window(LeaseId lease) { worker.control.send(wire::Window{.lease = lease, .chunks = 64, .bytes = 1U << 20U}); }

  wire::Lease take_lease() {
    const wire::Lease lease = receive_lease();
    open_window(lease.lease);
    return lease;
  }

  void settle(const wire::Run& run, std::string_view outputs, std::vector<std::uint32_t> lengths) {
    worker.bulk.send(wire::Settle{.lease = run.lease,
                                  .grant = run.grant,
                                  .token = run.token,
                                  .codes = {},
                                  .details = {},
                                  .lengths = {std::move(lengths)},
                                  .micros = {}},
                     12, outputs);
  }

  io::Context context;
  RunningServer server;
  HandPeer worker{context, server.control(), Role::worker, 1};
  HandPeer producer{context, server.control(), Role::producer, 2};
};

TEST_F(WholeJob, GoesFromSubmitOverLeaseAndRunToOutputAndEvent) {
  const JobId job = open();
  submit_three(job);
  const wire::Lease lease = receive_lease();
  EXPECT_EQ(lease.pipeline, sample_open().spec.pipeline);

  worker.bulk.send(wire::Get{.hash = lease.pipeline}, 30);
  const auto bundle = worker.bulk.expect<wire::BundleReply>();
  EXPECT_EQ(bundle.request, 30U);
  EXPECT_EQ(as_text(bundle.payload.view()), sample_bundle_bytes());

  open_window(lease.lease);
  const auto run = worker.bulk.expect<wire::Run>();
  EXPECT_EQ(run.message.lease, lease.lease);
  EXPECT_EQ(run.message.chunks, (std::vector<ChunkRange>{{.first = 5, .count = 3}}));
  EXPECT_EQ(run.message.lengths.values, (std::vector<std::uint32_t>{3, 5, 0}));
  EXPECT_EQ(as_text(run.payload.view()), "onethree");

  settle(run.message, "ONETHREE", {3, 5, 0});
  const auto settled = worker.bulk.expect<wire::Settled>();
  EXPECT_EQ(settled.request, 12U);
  EXPECT_EQ(settled.message.code, ErrorCode::ok);

  producer.bulk.send(wire::Read{.job = job, .after = {}, .chunks = 100, .bytes = 1U << 20U}, 13);
  const auto output = producer.bulk.expect<wire::Output>();
  EXPECT_EQ(output.request, 13U);
  EXPECT_EQ(output.message.chunks, (std::vector<ChunkRange>{{.first = 5, .count = 3}}));
  EXPECT_EQ(as_text(output.payload.view()), "ONETHREE");
  producer.bulk.send(wire::Taken{.job = job, .cursor = output.message.cursor});

  producer.bulk.send(wire::Close{.job = job}, 14);
  producer.control.send(wire::Watch{.job = job, .follow = true, .interval_ms = 1}, 15);
  JobStatus status = producer.control.expect<wire::Event>().message.job;
  while (!has_ended(status.state) && !HasFailure()) status = producer.control.expect<wire::Event>().message.job;
  EXPECT_EQ(status.state, JobState::done);
  EXPECT_EQ(status.done, 3U);
}

TEST_F(WholeJob, RefusesASettleWithAnotherFence) {
  submit_three(open());
  take_lease();
  auto run = worker.bulk.expect<wire::Run>().message;
  const Token real = run.token;
  run.token.low ^= 1U;
  settle(run, "ONETHREE", {3, 5, 0});
  EXPECT_EQ(worker.bulk.expect<wire::Settled>().message.code, ErrorCode::stale);
  run.token = real;
  settle(run, "ONETHREE", {3, 5, 0});
  EXPECT_EQ(worker.bulk.expect<wire::Settled>().message.code, ErrorCode::ok);
}

TEST_F(WholeJob, KeepsRunsForABulkPlaneThatIsStillToComeAndSendsThemThen) {
  submit_three(open());
  // A second worker that has said HELLO on control only takes the lease.
  HandConnection control(context, server.control());
  wire::Hello hello;
  hello.role = Role::worker;
  hello.instance = 3;
  control.send(hello, 1);
  const auto welcome = control.expect<wire::Welcome>().message;
  control.send(sample_offer());
  const auto lease = control.expect<wire::Lease>().message;
  control.send(wire::Window{.lease = lease.lease, .chunks = 64, .bytes = 1U << 20U});
  control.round_trip();
  HandConnection bulk(context, welcome.bulk);
  bulk.send(bulk_hello(3, welcome.token), 2);
  bulk.expect<wire::Welcome>();
  EXPECT_EQ(bulk.expect<wire::Run>().message.lease, lease.lease);
}

TEST_F(WholeJob, GivesTheChunksToAnotherWorkerWhenTheFirstSaysBye) {
  submit_three(open());
  take_lease();
  worker.bulk.expect<wire::Run>();
  worker.control.send(wire::Bye{});
  HandPeer other(context, server.control(), Role::worker, 3);
  other.control.send(sample_offer());
  const auto lease = other.control.expect<wire::Lease>().message;
  other.control.send(wire::Window{.lease = lease.lease, .chunks = 64, .bytes = 1U << 20U});
  EXPECT_EQ(as_text(other.bulk.expect<wire::Run>().payload.view()), "onethree");
}

struct LossyJob : WholeJob {
  LossyJob() : WholeJob(lossy(), {.run_lost_after = 0ms}) {}
  static ServerOptions lossy() {
    ServerOptions options = any_ports();
    options.drop_runs = 1;
    return options;
  }
};

TEST_F(LossyJob, HandsOutAgainARunThatWasLostAfterItsCommit) {
  submit_three(open());
  const wire::Lease lease = take_lease();
  // The worker renews and names no grant, until the broker finds that the one it gave never arrived.
  io::Poller poller;
  poller.add(worker.bulk.socket());
  while (poller.wait(0ms) == 0 && !HasFailure()) {
    worker.control.send(wire::Renew{.leases = {{.lease = lease.lease, .token = lease.token, .grants = {}}}}, 16);
    worker.control.expect<wire::Renewed>();
  }
  EXPECT_EQ(as_text(worker.bulk.expect<wire::Run>().payload.view()), "onethree");
  EXPECT_EQ(server.stop().dropped_runs, 1U);
}

}  // namespace
}  // namespace sublet::broker::test
