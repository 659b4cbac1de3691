#include "broker/core/outcome.hpp"

#include <gtest/gtest.h>

#include "broker/core/retry.hpp"

namespace sublet::broker {
namespace {

const RetryPolicy kPolicy{.max_retries = 3, .initial_backoff = 1s, .max_backoff = 16s};

TEST(Retry, WaitsDoubleUpToTheCapAndAreNeverShorter) {
  const RetryPolicy policy{.max_retries = 10, .initial_backoff = 1s, .max_backoff = 16s};
  EXPECT_EQ(next_delay(policy, 1, 0.0), 1s);
  EXPECT_EQ(next_delay(policy, 2, 0.0), 2s);
  EXPECT_EQ(next_delay(policy, 3, 0.0), 4s);
  EXPECT_EQ(next_delay(policy, 9, 0.0), 16s);
  EXPECT_EQ(next_delay(policy, 1, 0.5), 1250ms);
  EXPECT_LT(*next_delay(policy, 9, 0.999), 24s);
  EXPECT_EQ(next_delay(policy, 11, 0.0), std::nullopt);
}

TEST(Outcome, FreeErrorsAreNotCharged) {
  const auto outcome = judge_failure({.count = 1, .attempts = 2}, {.code = ErrorCode::returned}, kPolicy, 100, 0);
  EXPECT_EQ(outcome.next.state, ChunkState::ready);
  EXPECT_EQ(outcome.next.attempts, 2U);
  EXPECT_EQ(outcome.next.crashes, 0U);
}

TEST(Outcome, FinalErrorsAreDeadAtOnce) {
  const auto outcome = judge_failure({.count = 1}, {.code = ErrorCode::launch_failed}, kPolicy, 100, 0);
  EXPECT_EQ(outcome.next.state, ChunkState::dead);
  EXPECT_EQ(outcome.code, ErrorCode::launch_failed);
}

TEST(Outcome, KernelFaultsHaveOneMoreAttempt) {
  const auto first = judge_failure({.count = 1}, {.code = ErrorCode::sync_failed}, kPolicy, 100, 0);
  EXPECT_EQ(first.next.state, ChunkState::ready);
  EXPECT_EQ(first.next.attempts, 1U);
  const auto second = judge_failure(first.next, {.code = ErrorCode::kernel_timeout}, kPolicy, 100, 0);
  EXPECT_EQ(second.next.state, ChunkState::dead);
  EXPECT_EQ(second.code, ErrorCode::kernel_timeout);
}

TEST(Outcome, CrashesAreNotedApartFromAttempts) {
  const auto once = judge_failure({.count = 1, .attempts = 1}, {.code = ErrorCode::session_lost}, kPolicy, 100, 0);
  EXPECT_EQ(once.next.state, ChunkState::ready);
  EXPECT_EQ(once.next.attempts, 1U);
  EXPECT_EQ(once.next.crashes, 1U);
}

TEST(Outcome, DeathWhileAloneIsPoison) {
  const auto outcome = judge_failure({.count = 1, .crashes = 2}, {.code = ErrorCode::session_lost, .alone = true}, kPolicy, 100, 0);
  EXPECT_EQ(outcome.next.state, ChunkState::dead);
  EXPECT_EQ(outcome.code, ErrorCode::poison);
  EXPECT_NE(detail_of(outcome, "").find("3 times"), std::string::npos);
}

}  // namespace
}  // namespace sublet::broker
