// What the workers are told that is wanted: leases that found no place.

#include <algorithm>
#include <bit>
#include <cmath>

#include "broker/core/core.hpp"

namespace sublet::broker {
namespace {

/// More than any worker takes, so that what is asked for stays the same while a queue of any length waits.
constexpr std::uint64_t kMostSessions = 1'024;

}  // namespace

std::uint64_t Core::missing_sessions(const Pool& pool, const Pool::Sum& sum) const {
  if (!wants_session(pool, sum)) return 0;
  // One for each chunk that no session is there for, but no more than the work lasts for.
  const auto idle_left = sum.ready - sum.idle;
  if (sum.sessions == 0 || pool.micros_per_chunk == 0) return idle_left;
  const auto work = static_cast<double>(sum.ready) * pool.micros_per_chunk / static_cast<double>(options_.session_target.count());
  const auto useful = std::min(std::ceil(work), static_cast<double>(kMostSessions)) - static_cast<double>(sum.sessions);
  return std::min(idle_left, static_cast<std::uint64_t>(std::max(useful, 1.0)));
}

wire::Want Core::need() const {
  std::uint64_t sessions = 0;
  std::uint64_t bytes = 0;
  std::uint64_t least = 0;
  for (const auto number : starved_) {
    // Enough is known, however many wait.
    if (sessions >= kMostSessions) break;
    const auto& pool = *pools_by_number_.at(number);
    std::uint64_t of_pool = 0;
    for (const auto& [key, size] : pool.sizes) {
      const auto missing = size.jobs.empty() ? 0 : missing_sessions(pool, pool.sum(key));
      if (missing == 0) continue;
      of_pool = std::max(of_pool, missing);
      // On which kind of device it will be is not known here, so this is what pays on a card.
      bytes = std::max(bytes, most_of(size.need, useful_lanes("cuda")).count);
      least = std::max(least, size.need.least.count);
    }
    sessions += of_pool;
  }
  const auto rounded = std::bit_ceil(std::min(sessions, kMostSessions));
  return {.sessions = sessions == 0 ? 0 : static_cast<std::uint32_t>(rounded), .bytes = bytes, .least_bytes = least};
}

void Core::tell_need() {
  const auto now = need();
  if (now == need_) return;
  need_ = now;
  for (const auto& [instance, worker] : workers_) {
    if (worker->peer != PeerId{}) send(worker->peer, 0, need_);
  }
}

}  // namespace sublet::broker
