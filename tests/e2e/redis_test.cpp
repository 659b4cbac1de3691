// Bursts whose jobs are kept in Redis, while brokers and Redis itself are killed: every output arrives, once.

#include <csignal>

#include "tests/broker/server/hand_peer.hpp"
#include "tests/e2e/burst.hpp"
#include "tests/e2e/fault_pipeline.hpp"
#include "tests/support/cluster.hpp"
#include "tests/support/redis_server.hpp"

namespace sublet::test {
namespace {

constexpr std::uint64_t kChunks = 10'000;
constexpr std::size_t kMaxBytes = 512;

struct Redis : testing::Test {
  /// A burst during which `fault` is called once, after 1,000 outputs, while chunks are leased and most still wait.
  void burst_with(Cluster& cluster, const std::function<void()>& fault) {
    auto client = connect(cluster.endpoints());
    auto job = client.open(slow_pipeline(), spec_of(kMaxBytes)).value();
    std::jthread submitter([&job] {
      submit(job, 0, kChunks, kMaxBytes);
      EXPECT_TRUE(job.close());
    });
    const auto collected = read_all(job, [&](std::size_t count) {
      if (count == 1'000) fault();
    });
    const auto status = ended(job);
    EXPECT_TRUE(collected.errors.empty());
    ASSERT_EQ(collected.outputs.size(), kChunks);
    for (const auto& [id, output] : collected.outputs) ASSERT_EQ(output, slow_reference(payload_of(id, kMaxBytes))) << "chunk " << id;
    EXPECT_EQ(status.state, JobState::done);
    EXPECT_EQ(status.accepted, kChunks);
    EXPECT_EQ(status.done, kChunks);
    EXPECT_EQ(status.dead, 0U);
  }

  [[nodiscard]] std::vector<std::string> broker_args() const { return {"--store", redis.url(), "--heartbeat-ms", "200"}; }

  RedisServer redis{{"--appendfsync", "always"}};
};

TEST_F(Redis, KeepsAWholeJob) {
  Cluster cluster(broker_args());
  cluster.add_worker();
  burst_with(cluster, [] {});
}

TEST_F(Redis, OutlivesItsBroker) {
  Cluster cluster(broker_args());
  cluster.add_worker();
  burst_with(cluster, [&] { cluster.restart_broker(); });
}

TEST_F(Redis, GoesOnWithTheOtherBrokerWhenOneIsGone) {
  Cluster cluster(broker_args());
  cluster.add_broker();
  cluster.add_worker();
  burst_with(cluster, [&] { cluster.lose_broker(); });
}

TEST_F(Redis, MayBeKilledAndStartedAgainUnderABurst) {
  Cluster cluster(broker_args());
  cluster.add_worker();
  burst_with(cluster, [&] {
    redis.kill();
    redis.start();
  });
}

TEST_F(Redis, MayBeStartedAfterItsBrokerAndAWorker) {
  redis.kill();
  const auto control = "ipc://" + (redis.folder() / "control").string();
  const auto bulk = "ipc://" + (redis.folder() / "bulk").string();
  const auto broker = begin_to_start("sublet-broker", {"--store", redis.url(), "--control", control, "--bulk", bulk, "--http", "off"});
  const auto worker = begin_to_start("sublet-worker", {"--broker", control, "--log", "error"});
  io::Context context;
  broker::test::HandConnection peer(context, control);
  peer.send(wire::Hello{.instance = 1'000}, 1);
  EXPECT_EQ(peer.expect_error().message.code, ErrorCode::store_unavailable);
  redis.start();
  auto client = connect(control);
  auto job = client.open(shipped("echo/echo.yaml"), spec_of(kMaxBytes)).value();
  submit(job, 0, 100, kMaxBytes);
  EXPECT_TRUE(job.close());
  EXPECT_EQ(read_all(job).outputs.size(), 100U);
  EXPECT_EQ(ended(job).state, JobState::done);
}

TEST_F(Redis, RefusesABrokerThatSleptWhileAnotherTookOver) {
  Cluster cluster(broker_args());
  cluster.add_worker();
  const auto sleeper = cluster.broker_pid();
  auto second = begin_to_start("sublet-broker",
                               {"--store", redis.url(), "--control", "tcp://127.0.0.1:*", "--bulk", "tcp://127.0.0.1:*", "--http", "off"});
  const auto ready = wait_until_ready(second);
  kill(sleeper, SIGSTOP);
  // Refused until the hold has passed, and then taken up.
  auto client = connect(ready.at("control"));
  auto job = client.open(shipped("echo/echo.yaml"), spec_of(kMaxBytes)).value();
  submit(job, 0, 100, kMaxBytes);
  ASSERT_TRUE(job.flush(30s));
  kill(sleeper, SIGCONT);
  // The sleeper wakes with a worker and a shard that it has lost: it serves that again once the second one has stopped.
  second.child.kill(SIGTERM);
  EXPECT_TRUE(second.child.wait().clean());
  auto again = connect(cluster.endpoint());
  const auto jobs = again.jobs();
  ASSERT_TRUE(jobs) << to_text(jobs.error());
  ASSERT_EQ(jobs->size(), 1U);
  EXPECT_EQ(jobs->front().accepted, 100U) << "what the second broker accepted while the first one slept";
}

}  // namespace
}  // namespace sublet::test
