// One shard, two brokers: whoever was replaced changes nothing any more.

#include <algorithm>

#include <sched.h>

#include "tests/broker/stores/committing.hpp"

namespace sublet::broker::test {
namespace {

struct RedisOwnership : RedisTest {};

/// Keeps this thread and another process on one processor, while it lasts.
class OnOneProcessor {
 public:
  explicit OnOneProcessor(pid_t other) {
    ::sched_getaffinity(0, sizeof before_, &before_);
    cpu_set_t one;
    CPU_ZERO(&one);
    CPU_SET(::sched_getcpu(), &one);
    ::sched_setaffinity(0, sizeof one, &one);
    ::sched_setaffinity(other, sizeof one, &one);
  }
  ~OnOneProcessor() { ::sched_setaffinity(0, sizeof before_, &before_); }
  OnOneProcessor(const OnOneProcessor&) = delete;
  OnOneProcessor& operator=(const OnOneProcessor&) = delete;

 private:
  cpu_set_t before_{};
};

TEST_F(RedisOwnership, IsRefusedWhileAnotherBrokerHoldsTheShard) {
  const auto owner = open({.holder = "broker seven"});
  const auto second = try_open();
  ASSERT_FALSE(second);
  EXPECT_EQ(second.error().code, ErrorCode::not_owner);
  EXPECT_GT(second.error().retry_after_ms, 0U);
  EXPECT_NE(second.error().detail.find("broker seven"), std::string::npos) << second.error().detail;
}

TEST_F(RedisOwnership, IsFreeAtOnceAfterACleanStop) {
  auto owner = open();
  ASSERT_TRUE(commit(*owner, 1, {{bytes_key(1), large('a')}}));
  owner.reset();
  EXPECT_EQ(first_letters(*open(), 1), "a");
}

TEST_F(RedisOwnership, PassesToAnotherWhenTheHoldIsNotRenewed) {
  const auto owner = open({.hold = 100ms});
  // Nobody serves the owner's descriptor, so it renews nothing.
  Result<std::unique_ptr<RedisStore>> second = fail(ErrorCode::not_owner, "");
  const auto deadline = io::now() + kPatience;
  while (!second && io::now() < deadline) second = try_open();
  ASSERT_TRUE(second) << to_text(second.error());
}

TEST_F(RedisOwnership, IsKeptByRenewingAndShownAsHealth) {
  const auto owner = open({.hold = 400ms, .renew_interval = 50ms});
  std::optional<CommitResult> answer;
  const auto until = io::now() + 1s;
  EXPECT_TRUE(serve_until(*owner, answer, [&] { return io::now() > until; }));
  EXPECT_FALSE(try_open());
  EXPECT_TRUE(owner->health().ready) << to_text(owner->health().reason);
}

TEST_F(RedisOwnership, IsRenewedThoughTheAnswerWasThereBeforeTheSendingWasOver) {
  const auto owner = open({.renew_interval = 1ms});
  // There Redis often answers before its client goes on.
  const OnOneProcessor together(server.pid());
  EXPECT_FALSE(owner->finished());
  for (int wakes = 0; wakes < 4'000; ++wakes) {
    pollfd descriptor{.fd = owner->fd(), .events = POLLIN, .revents = 0};
    ASSERT_EQ(::poll(&descriptor, 1, 30'000), 1) << "after " << wakes << " wakes nothing will ever renew it";
    EXPECT_FALSE(owner->finished());
  }
  EXPECT_TRUE(owner->health().ready) << to_text(owner->health().reason);
}

TEST_F(RedisOwnership, RefusesTheCommitOfAnOwnerThatWasReplacedAndKeepsNothingOfIt) {
  const auto stale = open();
  ASSERT_TRUE(commit(*stale, 1, {{bytes_key(1), large('a')}, {bytes_key(2), small("b")}}));
  expire_hold();
  const auto owner = open();
  const auto keys = server.keys("*");
  const auto outcome = commit(*stale, 2, {{bytes_key(1), Erase{}}, {bytes_key(2), large('x')}, {bytes_key(3), large('y')}});
  ASSERT_FALSE(outcome);
  EXPECT_EQ(outcome.error().code, ErrorCode::not_owner) << to_text(outcome.error());
  EXPECT_FALSE(stale->health().ready);
  EXPECT_EQ(stale->health().reason.code, ErrorCode::not_owner);
  EXPECT_EQ(first_letters(*owner, 3), "ab-");
  auto keys_now = server.keys("*");
  EXPECT_TRUE(std::ranges::is_permutation(keys, keys_now)) << "large bytes of a refused commit stayed";
  EXPECT_TRUE(commit(*owner, 1, {{bytes_key(3), large('c')}}));
  EXPECT_EQ(first_letters(*owner, 3), "abc");
}

TEST_F(RedisOwnership, IsNoticedToBeLostWithoutACommit) {
  const auto stale = open({.renew_interval = 10ms});
  expire_hold();
  const auto owner = open();
  std::optional<CommitResult> answer;
  EXPECT_TRUE(serve_until(*stale, answer, [&] { return stale->health().reason.code == ErrorCode::not_owner; }));
  EXPECT_FALSE(try_open()) << "a stale broker gave the hold of another back";
}

TEST_F(RedisOwnership, DoesNotGiveBackWhatAnotherHolds) {
  auto stale = open();
  expire_hold();
  const auto owner = open();
  stale.reset();
  EXPECT_FALSE(try_open());
}

TEST_F(RedisOwnership, SweepsWhatAnUnfinishedCommitLeft) {
  auto first = open();
  ASSERT_TRUE(commit(*first, 1, {{bytes_key(1), large('a')}}));
  // As after an end between NOSCRIPT and the repeat.
  const auto epoch = state("!epoch");
  for (const auto* index : {"0", "1", "2"}) static_cast<void>(server.run({"SET", "sublet:{0}:" + epoch + ":2:" + index, "left"}));
  first.reset();
  const auto second = open();
  EXPECT_EQ(server.keys("sublet:{0}:" + epoch + ":2:*").size(), 0U);
  EXPECT_EQ(state("!unswept"), "");
  EXPECT_EQ(first_letters(*second, 1), "a");
}

TEST_F(RedisOwnership, OfAnotherShardIsAnotherMatter) {
  const auto one = open();
  const auto other = open({.shard = 1});
  ASSERT_TRUE(commit(*one, 1, {{bytes_key(1), large('a')}}));
  ASSERT_TRUE(commit(*other, 1, {{bytes_key(1), large('b')}}));
  EXPECT_EQ(first_letters(*one, 1), "a");
  EXPECT_EQ(first_letters(*other, 1), "b");
}

}  // namespace
}  // namespace sublet::broker::test
