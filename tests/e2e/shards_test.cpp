// Several brokers share the shards of one Redis while they are killed, stopped, held up and joined by others: every output arrives, once.

#include <csignal>
#include <latch>
#include <optional>

#include "common/io/clock.hpp"
#include "common/shard.hpp"
#include "tests/broker/server/hand_peer.hpp"
#include "tests/e2e/burst.hpp"
#include "tests/e2e/fault_pipeline.hpp"
#include "tests/support/cluster.hpp"
#include "tests/support/redis_server.hpp"

namespace sublet::test {
namespace {

constexpr Layout kLayout{.shards = 4};
constexpr std::uint64_t kChunks = 1'500;
constexpr std::size_t kMaxBytes = 512;

struct Shards : testing::Test {
  Started start_broker() {
    return start("sublet-broker", {"--store", redis.url(), "--shards", "4", "--control", "tcp://127.0.0.1:*", "--bulk", "tcp://127.0.0.1:*",
                                   "--http", "off", "--heartbeat-ms", "200", "--log", "warn"});
  }

  static std::vector<std::string> endpoints(const std::vector<const Started*>& brokers) {
    std::vector<std::string> endpoints;
    for (const auto* broker : brokers) endpoints.push_back(broker->ready.at("control"));
    return endpoints;
  }

  /// By what the broker answers to HELLO.
  std::size_t served_by(const Started& broker) {
    std::size_t served = 0;
    for (ShardNumber shard = 0; shard < kLayout.shards; ++shard) {
      broker::test::HandConnection connection(context, broker.ready.at("control"));
      connection.send(wire::Hello{.shard = shard, .instance = ++last_instance}, 1);
      served += std::holds_alternative<wire::Welcome>(connection.expect_any()) ? 1 : 0;
    }
    return served;
  }

  void wait_until_serves(const Started& broker, std::size_t shards) {
    const auto deadline = io::now() + 30s;
    while (served_by(broker) != shards && io::now() < deadline) {
    }
    EXPECT_EQ(served_by(broker), shards);
  }

  /// A job in every shard; `fault` is called once, while all of them are under way, on the calling thread: a process that it starts ends
  /// with the thread that started it.
  void burst_with(const std::vector<const Started*>& brokers, const std::function<void()>& fault) {
    std::vector<std::string> args{"--log", "warn"};
    for (const auto& endpoint : endpoints(brokers)) args.insert(args.end(), {"--broker", endpoint});
    const auto worker = start("sublet-worker", args);
    auto client = Client::connect({.brokers = endpoints(brokers), .connect_timeout = 30s}).value();
    std::latch under_way(kLayout.shards);
    std::vector<std::jthread> readers;
    for (ShardNumber shard = 0; shard < kLayout.shards; ++shard) {
      readers.emplace_back([&, shard] {
        auto spec = spec_of(kMaxBytes);
        spec.queue = queue_in(kLayout, shard);
        auto job = client.open(slow_pipeline(), spec).value();
        submit(job, 0, kChunks, kMaxBytes);
        EXPECT_TRUE(job.close());
        const auto collected = read_all(job, [&](std::size_t count) {
          if (count == 100) under_way.count_down();
        });
        EXPECT_TRUE(collected.errors.empty());
        EXPECT_EQ(collected.outputs.size(), kChunks);
        for (const auto& [id, output] : collected.outputs) EXPECT_EQ(output, slow_reference(payload_of(id, kMaxBytes))) << "chunk " << id;
        const auto status = ended(job);
        EXPECT_EQ(status.state, JobState::done);
        EXPECT_EQ(status.done, kChunks);
      });
    }
    under_way.wait();
    fault();
  }

  RedisServer redis{{"--appendfsync", "always"}};
  io::Context context;
  std::uint64_t last_instance = 1'000;
  Started first = start_broker();
  Started second = start_broker();
};

TEST_F(Shards, OfABrokerThatIsKilledAreTakenOverByTheOther) {
  wait_until_serves(first, 2);
  wait_until_serves(second, 2);
  burst_with({&first, &second}, [&] { first.child.kill(SIGKILL); });
  wait_until_serves(second, 4);
}

TEST_F(Shards, AreSharedWithAThirdBrokerThatJoins) {
  wait_until_serves(second, 2);
  std::optional<Started> third;
  burst_with({&first, &second}, [&] { third = start_broker(); });
  wait_until_serves(*third, 1);
  EXPECT_EQ(served_by(first) + served_by(second), 3U);
}

TEST_F(Shards, AreGivenBackByABrokerThatIsStopped) {
  wait_until_serves(second, 2);
  burst_with({&first, &second}, [&] {
    first.child.kill(SIGTERM);
    EXPECT_TRUE(first.child.wait().clean());
    // Its holds would have lasted for 1.5 s.
    for (ShardNumber shard = 0; shard < kLayout.shards; ++shard) {
      const auto hold = redis.text({"GET", "sublet:{" + std::to_string(shard) + "}:owner"});
      EXPECT_EQ(hold.find(first.ready.at("control")), std::string::npos) << hold;
    }
  });
  wait_until_serves(second, 4);
}

TEST_F(Shards, SufferNothingFromABrokerThatSleptWhileTheyWereTakenOver) {
  wait_until_serves(second, 2);
  burst_with({&first, &second}, [&] {
    first.child.kill(SIGSTOP);
    wait_until_serves(second, 4);
    first.child.kill(SIGCONT);
  });
  wait_until_serves(first, 2);
}

}  // namespace
}  // namespace sublet::test
