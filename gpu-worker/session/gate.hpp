#pragma once

#include <atomic>
#include <condition_variable>
#include <mutex>
#include <utility>

namespace sublet::session {

/// Who of a process's leases has chunks on the device. A chunk that is suspected of breaking it runs alone, so that it is known whose the
/// fault is.
class Gate {
 public:
  /// Held by a lease while it has chunks on the device.
  class Pass {
   public:
    explicit Pass(Gate& gate) : gate_(&gate) {}
    Pass(Pass&& other) noexcept : gate_(std::exchange(other.gate_, nullptr)) {}
    Pass& operator=(Pass&& other) noexcept {
      std::swap(gate_, other.gate_);
      return *this;
    }
    ~Pass() {
      if (gate_ != nullptr) {
        gate_->leave();
      }
    }

   private:
    Gate* gate_;
  };

  /// @param alone  waits until nobody else holds a pass, and keeps others waiting
  Pass enter(bool alone) {
    std::unique_lock lock(mutex_);
    if (alone) {
      wanted_alone_.fetch_add(1, std::memory_order_relaxed);
      changed_.wait(lock, [this] { return inside_ == 0; });
      is_alone_ = true;
    } else {
      changed_.wait(lock, [this] { return !is_alone_ && !is_wanted_alone(); });
    }
    ++inside_;
    return Pass(*this);
  }

  /// Whether somebody waits to be alone, or is: whoever is inside begins nothing more.
  [[nodiscard]] bool is_wanted_alone() const { return wanted_alone_.load(std::memory_order_relaxed) != 0; }
  /// Leases with chunks on the device.
  [[nodiscard]] unsigned inside() {
    const std::lock_guard lock(mutex_);
    return inside_;
  }

 private:
  void leave() {
    {
      const std::lock_guard lock(mutex_);
      --inside_;
      if (std::exchange(is_alone_, false)) {
        wanted_alone_.fetch_sub(1, std::memory_order_relaxed);
      }
    }
    changed_.notify_all();
  }

  std::mutex mutex_;
  std::condition_variable changed_;
  unsigned inside_ = 0;
  bool is_alone_ = false;
  std::atomic<unsigned> wanted_alone_ = 0;
};

}  // namespace sublet::session
