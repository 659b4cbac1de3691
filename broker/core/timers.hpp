#pragma once

#include <cstdint>
#include <optional>
#include <queue>
#include <tuple>
#include <vector>

#include "common/time.hpp"

namespace sublet::broker {

enum class TimerKind : std::uint8_t {
  lease,     ///< deadline or idleness of a lease
  job,       ///< nobody touched the job
  retry,     ///< a waiting run is due
  watch,     ///< a watcher may get its next EVENT
  pool,      ///< a pipeline may ask for a session again, or its bundle is no longer needed
  retained,  ///< an ended job was kept long enough
  start,     ///< a delay has passed
  deadline,  ///< a job has to have ended
  timing,    ///< what is left of a job's times is to be written down again
};

/// What to look at, and when. Whatever it names may have changed or gone since: the one who takes it looks again.
struct Timer {
  Instant due;
  TimerKind kind = TimerKind::lease;
  std::uint64_t id = 0;     ///< lease or job; first word of a pool's hash
  std::uint64_t batch = 0;  ///< retry
  std::uint32_t begin = 0;  ///< retry

  /// Ties go by what is named, so that equal histories give equal steps.
  auto operator<=>(const Timer&) const = default;
};

/// Everything that falls due. There is one timer per purpose of a thing at most: it is set again when it is taken too early, never before,
/// so a renewal costs nothing here.
class Timers {
 public:
  void set(Timer timer) { heap_.push(timer); }

  /// The earliest one, when it is due.
  std::optional<Timer> take(Instant now) {
    if (heap_.empty() || heap_.top().due > now) return std::nullopt;
    const auto timer = heap_.top();
    heap_.pop();
    return timer;
  }

  [[nodiscard]] std::optional<Instant> next() const {
    if (heap_.empty()) return std::nullopt;
    return heap_.top().due;
  }

 private:
  std::priority_queue<Timer, std::vector<Timer>, std::greater<>> heap_;
};

}  // namespace sublet::broker
