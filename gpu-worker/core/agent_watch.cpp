#include "gpu-worker/core/agent_watch.hpp"

#include <algorithm>
#include <utility>

namespace sublet {

std::vector<RunningChunks> believable(const ClaimedRunning& claim, std::span<const HandedOver> handed_over, std::uint32_t lanes) {
  std::vector<RunningChunks> running;
  if (claim.count > lanes) {
    return running;
  }
  auto command = std::ranges::find(handed_over, claim.number, &HandedOver::number);
  std::uint32_t first = claim.first;
  std::uint32_t left = claim.count;
  while (left > 0 && command != handed_over.end() && first < command->count) {
    const std::uint32_t here = std::min(left, command->count - first);
    running.push_back({.command = static_cast<std::size_t>(command - handed_over.begin()), .first = first, .count = here});
    left -= here;
    first = 0;
    ++command;
  }
  return running;
}

bool Watchdog::stuck(const ClaimedRunning& claim, std::span<const HandedOver> handed_over, Instant now) {
  if (handed_over.empty()) {
    look_at_.reset();
    return false;
  }
  // Forward only: a process that goes in circles does not look busy.
  if (!seen_at_ || std::pair(claim.number, claim.first) > std::pair(seen_number_, seen_first_)) {
    seen_number_ = claim.number;
    seen_first_ = claim.first;
    seen_at_ = now;
  }
  const Instant claimed{Nanos(static_cast<Nanos::rep>(claim.since_ns))};
  // A chunk cannot have begun before any was handed over, nor after it was first seen running. A command that is done with and not the one
  // that runs says nothing about the next: then only what was seen counts.
  const bool current = std::ranges::find(handed_over, claim.number, &HandedOver::number) != handed_over.end();
  const Instant latest = std::max(handed_over.front().at, *seen_at_);
  const Instant since = current ? std::clamp(claimed, handed_over.front().at, latest) : latest;
  look_at_ = since + limit_;
  return now >= *look_at_;
}

}  // namespace sublet
