// Durability `replicated`, with a replica that really is one: what was answered survives the loss of the primary.

#include <netinet/in.h>
#include <sys/socket.h>

#include "common/io/file_descriptor.hpp"
#include "tests/broker/stores/committing.hpp"

namespace sublet::broker::test {
namespace {

/// A port of the loopback that nobody listens on: replicas reach their primary over TCP only.
std::string free_port() {
  const io::FileDescriptor socket(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  sockaddr_in address{.sin_family = AF_INET, .sin_port = 0, .sin_addr = {.s_addr = htonl(INADDR_LOOPBACK)}, .sin_zero = {}};
  socklen_t size = sizeof address;
  EXPECT_EQ(::bind(socket.get(), reinterpret_cast<const sockaddr*>(&address), size), 0);
  EXPECT_EQ(::getsockname(socket.get(), reinterpret_cast<sockaddr*>(&address), &size), 0);
  return std::to_string(ntohs(address.sin_port));
}

/// A primary, `server`, and its replica in step with it.
struct Replicated : RedisTest {
  explicit Replicated(const std::string& port = free_port())
      : RedisTest({"--appendfsync", "always", "--bind", "127.0.0.1", "--port", port, "--repl-diskless-sync-delay", "0"}),
        replica({"--appendfsync", "always", "--replicaof", "127.0.0.1", port}) {
    const auto deadline = io::now() + kPatience;
    while (replica.text({"INFO", "replication"}).find("master_link_status:up") == std::string::npos) {
      if (io::now() > deadline) {
        ADD_FAILURE() << "the replica does not follow";
        break;
      }
      ::poll(nullptr, 0, 5);
    }
  }

  RedisServer replica;
  RedisOptions options{.demanded = Durability::replicated};
};

TEST_F(Replicated, EveryAnsweredCommitIsInTheReplicaThatTakesOver) {
  auto store = open(options);
  constexpr std::uint64_t kCommits = 40;
  for (std::uint64_t number = 1; number <= kCommits; ++number) {
    ASSERT_TRUE(commit(*store, number, {{bytes_key(number), number % 2 == 0 ? small("a") : large('a')}})) << number;
  }
  server.kill();
  static_cast<void>(replica.run({"REPLICAOF", "NO", "ONE"}));
  static_cast<void>(replica.run({"DEL", "sublet:{0}:owner"}));
  auto promoted = RedisStore::open(replica.address(), {}, random);
  ASSERT_TRUE(promoted) << to_text(promoted.error());
  EXPECT_EQ(first_letters(**promoted, kCommits), std::string(kCommits, 'a'));
}

TEST_F(Replicated, ACommitThatNoReplicaHasIsNotAnswered) {
  const auto store = open(options);
  ASSERT_TRUE(commit(*store, 1, {{bytes_key(1), large('a')}}));
  replica.signal(SIGSTOP);
  store->begin({.number = 2, .writes = {{bytes_key(2), large('b')}}});
  std::optional<CommitResult> answer;
  EXPECT_TRUE(serve_until(*store, answer, [&] { return !store->health().ready; }));
  EXPECT_EQ(state("!commit"), "2") << "the primary has it";
  EXPECT_FALSE(answer) << "and nobody else";
  replica.signal(SIGCONT);
  EXPECT_TRUE(wait_for_answer(*store).outcome);
}

}  // namespace
}  // namespace sublet::broker::test
