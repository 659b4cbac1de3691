// What the real program says of itself while its Redis is not as it should be.

#include <csignal>
#include <fstream>
#include <iterator>
#include <thread>

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <httplib.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "common/io/clock.hpp"
#include "tests/broker/server/program.hpp"
#include "tests/broker/server/sample_job.hpp"
#include "tests/support/redis_server.hpp"

namespace sublet::broker::test {
namespace {

using sublet::test::RedisServer;
using testing::HasSubstr;

/// Asks again and again, until the answer is this one.
void wait_for_answer(const Program& program, const char* path, int status, const std::string& words) {
  httplib::Client client(program.ready->at("http"));
  client.set_keep_alive(true);
  const auto deadline = io::now() + kPatience;
  int last = 0;
  std::string body;
  while ((last != status || !body.contains(words)) && io::now() < deadline) {
    const auto answer = client.Get(path);
    if (!answer) continue;
    last = answer->status;
    body = answer->body;
  }
  EXPECT_EQ(last, status);
  EXPECT_THAT(body, HasSubstr(words));
}

struct Readiness : testing::Test {
  Readiness() {
    EXPECT_TRUE(program.ready);
    wait_until(200, "ok: 1 of 1 shards are served here");
  }

  void wait_until(int status, const std::string& words) const { wait_for_answer(program, "/readyz", status, words); }

  RedisServer redis;
  Program program = start(any_ports_and({"--store", redis.url()}));
};

TEST_F(Readiness, NamesARedisThatIsReadOnly) {
  static_cast<void>(redis.run({"REPLICAOF", "127.0.0.1", "1"}));
  wait_until(503, "READONLY");
  static_cast<void>(redis.run({"REPLICAOF", "NO", "ONE"}));
  wait_until(200, "ok");
}

TEST_F(Readiness, NamesAScriptThatBlocksRedis) {
  static_cast<void>(redis.run({"CONFIG", "SET", "busy-reply-threshold", "1"}));
  std::jthread blocking([this] { static_cast<void>(redis.run({"EVAL", "while true do end", "0"})); });
  wait_until(503, "BUSY");
  while (redis.text({"SCRIPT", "KILL"}) != "OK") continue;
  wait_until(200, "ok");
}

TEST_F(Readiness, PassesWhenARedisThatDiedIsBack) {
  redis.kill();
  wait_until(503, "check that redis-server runs there");
  redis.start();
  wait_until(200, "ok");
}

TEST_F(Readiness, PassesWhenARedisThatSleptIsAwake) {
  redis.signal(SIGSTOP);
  wait_until(503, "nothing is accepted");
  redis.signal(SIGCONT);
  wait_until(200, "ok");
}

TEST(BrokerProgramOverRedis, MeasuresThatItsStoreGivesLessThanItGaveAndRefusesJobsThatNeedMore) {
  const RedisServer redis({"--appendfsync", "always"});
  const Program program = start(any_ports_and({"--store", redis.url()}));
  ASSERT_TRUE(program.ready);
  const auto set = [&](const char* appendfsync) {
    static_cast<void>(redis.run({"CONFIG", "SET", "appendfsync", appendfsync}));
    static_cast<void>(redis.run({"CLIENT", "KILL", "TYPE", "normal"}));
  };
  const auto measured = [&](int value) { return fmt::format("broker_store_weakened{{store=\"{}\"}} {}\n", redis.url(), value); };
  wait_for_answer(program, "/metrics", 200, measured(0));
  set("everysec");
  wait_for_answer(program, "/metrics", 200, measured(1));
  io::Context context;
  HandPeer producer(context, program.ready->at("control"), wire::Role::producer, 1);
  auto open = sample_open();
  open.spec.durability = Durability::fsync;
  producer.bulk.send(open, 10, sample_bundle_bytes());
  EXPECT_THAT(producer.control.expect_error().message.detail, HasSubstr("gives \"fast\""));
  set("always");
  wait_for_answer(program, "/metrics", 200, measured(0));
}

TEST(BrokerProgramOverRedis, EndsWithOneWhenTheStoreIsUnfit) {
  const RedisServer redis({"--maxmemory-policy", "allkeys-lru"});
  EXPECT_EQ(exit_code_of(any_ports_and({"--store", redis.url()})), 1);
  static_cast<void>(redis.run({"CONFIG", "SET", "maxmemory-policy", "noeviction"}));
  static_cast<void>(redis.run({"CONFIG", "SET", "requirepass", "secret"}));
  EXPECT_EQ(exit_code_of(any_ports_and({"--store", redis.url()})), 1);
}

/// A program over a Redis that is not there yet.
struct BeforeItsRedis : testing::Test {
  BeforeItsRedis() { redis.kill(); }

  /// With stderr in a file, and its control plane at an address that is known before it serves.
  [[nodiscard]] io::Child begin() const {
    return io::spawn(
               {.program = "/bin/sh",
                .args = {"-c", R"(log="$1"; shift; exec "$0" "$@" 2>"$log")", SUBLET_BIN_DIR "/sublet-broker", log(), "--store",
                         redis.url(), "--control", control(), "--bulk", "ipc://" + (redis.folder() / "bulk").string(), "--http", "off"}})
        .value();
  }
  [[nodiscard]] std::string control() const { return "ipc://" + (redis.folder() / "control").string(); }
  [[nodiscard]] std::string log() const { return redis.folder() / "stderr"; }
  [[nodiscard]] std::string logged() const {
    std::ifstream stream(log());
    return {std::istreambuf_iterator<char>(stream), {}};
  }

  void wait_until_it_waits() const {
    const auto deadline = io::now() + kPatience;
    while (!logged().contains(kWaiting) && io::now() < deadline) std::this_thread::yield();
    EXPECT_THAT(logged(), AllOf(HasSubstr(kWaiting), HasSubstr(redis.url()), HasSubstr("--store")));
  }

  /// Takes so many connections in Redis's place and ends each: the broker has tried as often.
  void turn_away(int times) const {
    std::filesystem::remove(redis.socket());
    const io::FileDescriptor listener(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    redis.socket().string().copy(address.sun_path, sizeof address.sun_path - 1);
    ASSERT_EQ(::bind(listener.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address), 0);
    ASSERT_EQ(::listen(listener.get(), times), 0);
    for (int time = 0; time < times; ++time) {
      const io::FileDescriptor turned_away(::accept4(listener.get(), nullptr, nullptr, SOCK_CLOEXEC));
      ASSERT_TRUE(turned_away);
    }
  }

  /// What HELLO is answered with.
  wire::Message hello() {
    HandConnection connection(context, control());
    connection.send(wire::Hello{.instance = ++instance}, 1);
    return connection.expect_any();
  }

  static constexpr const char* kWaiting = "waiting for the store";
  RedisServer redis;
  io::Context context;
  std::uint64_t instance = 0;
};

TEST_F(BeforeItsRedis, SaysOnceThatItWaitsAndServesWhenRedisIsThere) {
  const auto child = begin();
  wait_until_it_waits();
  turn_away(3);
  const auto refused = hello();
  ASSERT_TRUE(std::holds_alternative<wire::ErrorReply>(refused));
  EXPECT_EQ(std::get<wire::ErrorReply>(refused).code, ErrorCode::store_unavailable);
  redis.start();
  const auto deadline = io::now() + kPatience;
  while (!std::holds_alternative<wire::Welcome>(hello())) ASSERT_LT(io::now(), deadline) << logged();
  const auto first = logged().find(kWaiting);
  EXPECT_EQ(logged().find(kWaiting, first + 1), std::string::npos) << logged();
}

TEST_F(BeforeItsRedis, EndsCleanlyWhenItIsInterrupted) {
  auto child = begin();
  wait_until_it_waits();
  child.kill(SIGINT);
  EXPECT_TRUE(child.wait().clean());
}

TEST_F(BeforeItsRedis, EndsWithOneWhenRedisComesAndIsUnfit) {
  auto child = begin();
  wait_until_it_waits();
  std::ofstream(redis.folder() / "redis.conf") << "requirepass secret\n";
  redis.start({"--requirepass", "secret"});
  EXPECT_EQ(child.wait().code, 1);
  EXPECT_THAT(logged(), HasSubstr("check user, password and ACL in the store's URL"));
}

}  // namespace
}  // namespace sublet::broker::test
