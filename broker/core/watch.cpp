#include "broker/core/watch.hpp"

#include <algorithm>

namespace sublet::broker {

void Watchers::add(Watcher watcher) {
  remove(watcher.peer);
  watchers_.push_back(watcher);
}

void Watchers::remove(PeerId peer) {
  std::erase_if(watchers_, [peer](const Watcher& watcher) { return watcher.peer == peer; });
}

void Watchers::job_moved() {
  for (auto& watcher : watchers_) watcher.behind = true;
}

std::optional<Instant> Watchers::next() const {
  std::optional<Instant> earliest;
  for (const auto& watcher : watchers_) {
    if (!watcher.behind) continue;
    const auto due = watcher.last + watcher.interval;
    earliest = earliest ? std::min(*earliest, due) : due;
  }
  return earliest;
}

}  // namespace sublet::broker
