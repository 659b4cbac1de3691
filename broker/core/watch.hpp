#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "broker/core/step.hpp"
#include "common/time.hpp"

namespace sublet::broker {

/// Who follows a job. An EVENT goes out when the job has moved, at most each `interval` per watcher, and always when it ends.
class Watchers {
 public:
  struct Watcher {
    PeerId peer;
    std::uint64_t request = 0;
    Millis interval = 200ms;
    Instant last;
    /// The job moved and the watcher has not been told.
    bool behind = false;
  };

  /// Replaces the peer's last one.
  void add(Watcher watcher);
  void remove(PeerId peer);
  void clear() { watchers_.clear(); }
  [[nodiscard]] bool empty() const { return watchers_.empty(); }
  [[nodiscard]] std::size_t size() const { return watchers_.size(); }

  void job_moved();

  /// Whoever is behind and due gets `tell(watcher)`; all who are behind when `final`.
  template <class Tell>
  void notify(Instant now, bool final, Tell tell) {
    for (auto& watcher : watchers_) {
      if (!watcher.behind || (!final && watcher.last + watcher.interval > now)) continue;
      watcher.behind = false;
      watcher.last = now;
      tell(watcher);
    }
  }

  /// When the first one that is behind is due.
  [[nodiscard]] std::optional<Instant> next() const;

  /// A timer for `next` is set.
  bool armed = false;

 private:
  std::vector<Watcher> watchers_;
};

}  // namespace sublet::broker
