#pragma once

#include <algorithm>
#include <cstdint>
#include <optional>

#include "common/job.hpp"

namespace sublet::broker {

/// Delay before the next attempt, or nothing when the chunk is dead. Doubles from `initial_backoff` up to `max_backoff`; then jitter adds
/// up to half of it, so that a wait is never shorter than the policy says (1, 2, 4 s by default) and failed chunks do not come back all at
/// once.
/// @param attempts  attempts already made and charged, >= 1
/// @param spread    jitter in [0, 1), drawn by the caller
constexpr std::optional<Millis> next_delay(const RetryPolicy& policy, std::uint32_t attempts, double spread) {
  if (attempts > policy.max_retries) return std::nullopt;
  auto delay = policy.initial_backoff;
  for (std::uint32_t doubled = 1; doubled < attempts && delay < policy.max_backoff; ++doubled) delay *= 2;
  delay = std::min(delay, policy.max_backoff);
  return delay + Millis(static_cast<Millis::rep>(static_cast<double>(delay.count()) * spread / 2));
}

}  // namespace sublet::broker
