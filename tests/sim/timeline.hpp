#pragma once

#include <algorithm>
#include <cstdint>
#include <functional>
#include <optional>
#include <utility>
#include <vector>

#include "common/time.hpp"

namespace sublet::sim {

/// The simulation's own time and everything that is to happen in it. What happens at one moment happens in the order it was asked for.
class Timeline {
 public:
  [[nodiscard]] Instant now() const { return now_; }
  [[nodiscard]] std::uint64_t happened() const { return happened_; }

  void at(Instant when, std::function<void()> action) {
    events_.push_back({.when = std::max(when, now_), .order = ++last_order_, .action = std::move(action)});
    std::ranges::push_heap(events_, later);
  }
  void after(Nanos delay, std::function<void()> action) { at(now_ + delay, std::move(action)); }

  /// Moves on to the next event and lets it happen. False when there is none.
  bool step() {
    if (events_.empty()) return false;
    std::ranges::pop_heap(events_, later);
    auto event = std::move(events_.back());
    events_.pop_back();
    now_ = event.when;
    ++happened_;
    event.action();
    return true;
  }

 private:
  struct Event {
    Instant when;
    std::uint64_t order = 0;
    std::function<void()> action;
  };
  static bool later(const Event& left, const Event& right) { return std::pair(left.when, left.order) > std::pair(right.when, right.order); }

  Instant now_{1s};
  std::vector<Event> events_;
  std::uint64_t last_order_ = 0;
  std::uint64_t happened_ = 0;
};

/// A monotonic clock of one host: it began anywhere and runs a little too fast or too slow.
class PartyClock {
 public:
  PartyClock() = default;
  /// @param offset  what it showed when the simulation began
  /// @param ppm     millionths by which it runs too fast
  PartyClock(Nanos offset, std::int64_t ppm) : offset_(offset), ppm_(ppm) {}

  [[nodiscard]] Instant local(Instant global) const {
    const auto passed = global.time_since_epoch().count();
    return Instant(offset_ + Nanos(passed + passed * ppm_ / kMillion));
  }
  /// The first moment at which it shows `local` or more.
  [[nodiscard]] Instant global(Instant local) const {
    const auto shown = (local - offset_).time_since_epoch().count();
    Instant moment(Nanos(shown - shown * ppm_ / (kMillion + ppm_)) - Nanos(2));
    while (this->local(moment) < local) moment += Nanos(1);
    return moment;
  }

 private:
  static constexpr std::int64_t kMillion = 1'000'000;
  Nanos offset_{0};
  std::int64_t ppm_ = 0;
};

/// A moment that a party waits for, at most one at a time.
class Alarm {
 public:
  explicit Alarm(Timeline& timeline, std::function<void()> ring) : timeline_(timeline), ring_(std::move(ring)) {}
  Alarm(const Alarm&) = delete;
  Alarm& operator=(const Alarm&) = delete;
  ~Alarm() = default;

  /// Rings at `when`, or earlier when it was set for earlier.
  void set(Instant when) {
    when = std::max(when, timeline_.now());
    if (set_for_ && *set_for_ <= when) return;
    set_for_ = when;
    timeline_.at(when, [this, number = ++number_] {
      if (number != number_) return;
      set_for_.reset();
      ring_();
    });
  }
  void stop() {
    set_for_.reset();
    ++number_;
  }

 private:
  Timeline& timeline_;
  std::function<void()> ring_;
  std::optional<Instant> set_for_;
  std::uint64_t number_ = 0;
};

}  // namespace sublet::sim
