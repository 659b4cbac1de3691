// What the real program says of itself while its Redis is not as it should be.

#include <csignal>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <httplib.h>

#include "common/io/clock.hpp"
#include "tests/broker/server/program.hpp"
#include "tests/support/redis_server.hpp"

namespace sublet::broker::test {
namespace {

using sublet::test::RedisServer;
using testing::HasSubstr;

struct Readiness : testing::Test {
  Readiness() {
    EXPECT_TRUE(program.ready);
    wait_until(200, "ok: 1 of 1 shards are served here");
  }

  /// Asks again and again, until the answer is this one.
  void wait_until(int status, const std::string& words) {
    httplib::Client client(program.ready->at("http"));
    client.set_keep_alive(true);
    const auto deadline = io::now() + kPatience;
    int last = 0;
    std::string body;
    while ((last != status || !body.contains(words)) && io::now() < deadline) {
      const auto answer = client.Get("/readyz");
      if (!answer) continue;
      last = answer->status;
      body = answer->body;
    }
    EXPECT_EQ(last, status);
    EXPECT_THAT(body, HasSubstr(words));
  }

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

TEST(BrokerProgramOverRedis, EndsWithOneWhenTheStoreIsUnfit) {
  const RedisServer redis({"--maxmemory-policy", "allkeys-lru"});
  EXPECT_EQ(exit_code_of(any_ports_and({"--store", redis.url()})), 1);
  static_cast<void>(redis.run({"CONFIG", "SET", "maxmemory-policy", "noeviction"}));
  static_cast<void>(redis.run({"CONFIG", "SET", "requirepass", "secret"}));
  EXPECT_EQ(exit_code_of(any_ports_and({"--store", redis.url()})), 1);
}

}  // namespace
}  // namespace sublet::broker::test
