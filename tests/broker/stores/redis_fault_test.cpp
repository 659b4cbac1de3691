// What goes wrong while a broker serves: connections, scripts, memory, the server itself.

#include "tests/broker/stores/committing.hpp"

namespace sublet::broker::test {
namespace {

struct RedisFaults : RedisTest {};

TEST_F(RedisFaults, AConnectionThatIsCutIsMadeAgain) {
  const auto store = open();
  static_cast<void>(server.run({"CLIENT", "KILL", "TYPE", "normal"}));
  ASSERT_TRUE(commit(*store, 1, {{bytes_key(1), large('a')}}));
  EXPECT_TRUE(store->health().ready) << to_text(store->health().reason);
  EXPECT_EQ(first_letters(*store, 1), "a");
}

TEST_F(RedisFaults, ACommitWhoseAnswerWasLostIsRepeatedAndTakenOnce) {
  const auto store = open({.timing = {.reply_timeout = 50ms}});
  ASSERT_TRUE(commit(*store, 1, {{bytes_key(1), large('a')}}));
  server.signal(SIGSTOP);
  store->begin({.number = 2, .writes = {{bytes_key(1), Erase{}}, {bytes_key(2), large('b')}}});
  std::optional<CommitResult> answer;
  EXPECT_TRUE(serve_until(*store, answer, [&] { return !store->health().ready; }));
  EXPECT_FALSE(answer) << "nobody can have answered";
  server.signal(SIGCONT);
  ASSERT_TRUE(wait_for_answer(*store).outcome);
  EXPECT_EQ(state("!commit"), "2");
  ASSERT_TRUE(commit(*store, 3, {{bytes_key(3), large('c')}}));
  EXPECT_EQ(first_letters(*store, 3), "-bc");
  EXPECT_EQ(server.keys("sublet:{0}:1-*").size(), 2U);
}

TEST_F(RedisFaults, ScriptsThatWereForgottenAreLoadedAgain) {
  const auto store = open();
  static_cast<void>(server.run({"SCRIPT", "FLUSH"}));
  ASSERT_TRUE(commit(*store, 1, {{bytes_key(1), large('a')}}));
  static_cast<void>(server.run({"SCRIPT", "FLUSH"}));
  ASSERT_TRUE(commit(*store, 2, {{bytes_key(2), small("b")}}));
  EXPECT_EQ(first_letters(*store, 2), "ab");
}

TEST_F(RedisFaults, MemoryThatIsFullRefusesWhatDoesNotDrain) {
  const auto store = open();
  ASSERT_TRUE(commit(*store, 1, {{bytes_key(1), large('a')}}));
  static_cast<void>(server.run({"CONFIG", "SET", "maxmemory", "1"}));
  store->begin({.number = 2, .writes = {{bytes_key(2), large('b')}}});
  const auto answer = wait_for_answer(*store);
  ASSERT_FALSE(answer.outcome);
  EXPECT_EQ(answer.outcome.error().code, ErrorCode::resource_exhausted);
  EXPECT_GT(answer.outcome.error().retry_after_ms, 0U);
  ASSERT_TRUE(answer.refused);
  EXPECT_EQ(answer.refused->writes.size(), 1U);
  EXPECT_TRUE(store->health().full);
  EXPECT_TRUE(store->health().ready);
  EXPECT_EQ(first_letters(*store, 2), "a-");
}

TEST_F(RedisFaults, MemoryThatIsFullTakesWhatDrainsLargeBytesIncluded) {
  const auto store = open();
  ASSERT_TRUE(commit(*store, 1, {{bytes_key(1), large('a')}, {bytes_key(2), large('b')}}));
  static_cast<void>(server.run({"CONFIG", "SET", "maxmemory", "1"}));
  ASSERT_TRUE(commit(*store, 2, {{bytes_key(1), Erase{}}, {bytes_key(3), large('c')}}, true));
  ASSERT_TRUE(commit(*store, 3, {{bytes_key(4), large('d')}}, true));
  EXPECT_EQ(first_letters(*store, 4), "-bcd");

  static_cast<void>(server.run({"CONFIG", "SET", "maxmemory", "0"}));
  std::optional<CommitResult> answer;
  EXPECT_TRUE(serve_until(*store, answer, [&] { return !store->health().full; }));
  ASSERT_TRUE(commit(*store, 4, {{bytes_key(3), large('e')}, {bytes_key(4), Erase{}}}));
  EXPECT_EQ(first_letters(*store, 4), "-be-");
  EXPECT_EQ(server.keys("sublet:{0}:1-*").size(), 2U);
}

TEST_F(RedisFaults, ARedisThatIsReadOnlyForATimeIsWaitedFor) {
  const auto store = open();
  static_cast<void>(server.run({"REPLICAOF", "127.0.0.1", "1"}));
  store->begin({.number = 1, .writes = {{bytes_key(1), large('a')}}});
  std::optional<CommitResult> answer;
  EXPECT_TRUE(serve_until(*store, answer, [&] { return !store->health().ready; }));
  EXPECT_NE(store->health().reason.detail.find("READONLY"), std::string::npos) << store->health().reason.detail;
  EXPECT_FALSE(answer);
  static_cast<void>(server.run({"REPLICAOF", "NO", "ONE"}));
  EXPECT_TRUE(wait_for_answer(*store).outcome);
  EXPECT_TRUE(store->health().ready) << to_text(store->health().reason);
}

TEST_F(RedisFaults, AScriptOfOthersThatBlocksRedisIsWaitedFor) {
  static_cast<void>(server.run({"CONFIG", "SET", "busy-reply-threshold", "10"}));
  const auto store = open();
  auto other = RedisConnection::open(server.address()).value();
  RespWriter endless;
  other.send(endless.command("EVAL", "while true do end", "0").take());
  while (other.wants_to_write()) ASSERT_TRUE(other.pump());
  while (!server.text({"PING"}).starts_with("BUSY")) {
  }
  store->begin({.number = 1, .writes = {{bytes_key(1), large('a')}}});
  std::optional<CommitResult> answer;
  EXPECT_TRUE(serve_until(*store, answer, [&] { return !store->health().ready; }));
  EXPECT_FALSE(answer);
  ASSERT_EQ(server.text({"SCRIPT", "KILL"}), "OK");
  EXPECT_TRUE(wait_for_answer(*store).outcome);
}

TEST_F(RedisFaults, ACommitOfThousandsOfWritesIsStillOne) {
  const auto store = open();
  std::vector<Write> writes;
  for (std::uint64_t item = 1; item <= 3'000; ++item) writes.push_back({bytes_key(item), item % 2 == 0 ? small("s") : large('l')});
  ASSERT_TRUE(commit(*store, 1, writes));
  EXPECT_EQ(store->load().value().size(), 3'000U);
  for (auto& write : writes) write.value = Erase{};
  ASSERT_TRUE(commit(*store, 2, writes));
  EXPECT_EQ(store->load().value().size(), 0U);
  EXPECT_EQ(server.keys("sublet:{0}:1-*").size(), 0U);
}

TEST_F(RedisFaults, ARestartWithoutItsDataIsALostShard) {
  const auto store = open();
  ASSERT_TRUE(commit(*store, 1, {{bytes_key(1), large('a')}}));
  static_cast<void>(server.run({"FLUSHALL"}));
  const auto outcome = commit(*store, 2, {{bytes_key(2), large('b')}});
  ASSERT_FALSE(outcome);
  EXPECT_EQ(outcome.error().code, ErrorCode::not_owner) << "what is in memory is void";
}

TEST_F(RedisFaults, AnsweredMeansReplicatedWhereThatIsDemanded) {
  const auto store = open({.demanded = Durability::fast});
  ASSERT_TRUE(commit(*store, 1, {{bytes_key(1), large('a')}}));
  expire_hold();
  static_cast<void>(server.run({"CONFIG", "SET", "appendfsync", "always"}));
  const auto replicated = open({.demanded = Durability::replicated});
  EXPECT_EQ(replicated->info().durability, Durability::replicated);
  replicated->begin({.number = 1, .writes = {{bytes_key(2), large('b')}}});
  std::optional<CommitResult> answer;
  EXPECT_TRUE(serve_until(*replicated, answer, [&] { return !replicated->health().ready; }));
  EXPECT_FALSE(answer) << "no replica can have confirmed it";
  EXPECT_NE(replicated->health().reason.detail.find("replicas"), std::string::npos) << replicated->health().reason.detail;
}

struct DurableRedis : RedisTest {
  DurableRedis() : RedisTest({"--appendfsync", "always"}) {}
};

TEST_F(DurableRedis, HoldsEveryAnsweredCommitAfterItsEnd) {
  const auto store = open({.demanded = Durability::fsync});
  EXPECT_EQ(store->info().durability, Durability::fsync);
  constexpr std::uint64_t kCommits = 60;
  for (std::uint64_t number = 1; number <= kCommits; ++number) {
    store->begin({.number = number, .writes = {{bytes_key(number), large(static_cast<char>('a' + number % 26))}}});
    if (number % 20 == 10) {
      server.kill();
      server.start();
    }
    ASSERT_TRUE(wait_for_answer(*store).outcome) << number;
  }
  server.kill();
  server.start();
  expire_hold();
  const auto again = open();
  std::string expected;
  for (std::uint64_t number = 1; number <= kCommits; ++number) expected += static_cast<char>('a' + number % 26);
  EXPECT_EQ(first_letters(*again, kCommits), expected);
}

}  // namespace
}  // namespace sublet::broker::test
