#pragma once

#include <atomic>
#include <cstddef>
#include <memory>
#include <span>
#include <thread>
#include <vector>

#include "gpu-worker/devices/cuda/handles.hpp"

namespace sublet::cuda {

/// Host memory of the caller's that is page-locked, so that copies from and to it run at the link's speed and beside kernels. Locking takes
/// about half a millisecond a megabyte, so each range is locked by a thread of its own. Memory that is not locked, or cannot be, is copied
/// all the same, through `Staging`. Used by one thread.
class PinnedRanges {
 public:
  PinnedRanges() = default;
  PinnedRanges(const PinnedRanges&) = delete;
  PinnedRanges& operator=(const PinnedRanges&) = delete;
  ~PinnedRanges();

  /// Begins to lock it; returns at once.
  void add(const DriverRef& driver, ContextHandle context, std::span<std::byte> memory);
  /// Waits until locking it has ended, where it has not.
  void remove(std::span<std::byte> memory);
  /// Whether all of it is locked.
  [[nodiscard]] bool hold(const void* first, std::size_t bytes) const;
  /// Nothing is being locked any more.
  [[nodiscard]] bool is_done() const;
  /// The context is lost: what is locked, or being locked, is left to the end of the process.
  void abandon();

 private:
  /// Shared with its thread, which may be stuck in a lost context for ever.
  struct Range {
    std::span<std::byte> memory;
    HostRegistration registration;  ///< the thread's until `done`
    std::atomic<bool> done = false;
  };
  struct Locking {
    std::shared_ptr<Range> range;
    std::thread thread;
  };
  static void lock(const DriverRef& driver, ContextHandle context, Range& range);

  std::vector<Locking> ranges_;
};

/// Page-locked memory that a stream's copies from and to other memory go through: a copy straight from pageable memory would wait for the
/// stream, and for ever when a kernel hangs.
class Staging {
 public:
  static constexpr std::size_t kBytes = std::size_t{1} << 20U;

  /// `bytes` of it until `reset`; null when there are not so many left.
  std::byte* take(const DriverRef& driver, std::size_t bytes);
  /// The stream is idle.
  void reset() { used_ = 0; }
  void abandon() { memory_.abandon(); }

 private:
  OwnedHostMemory memory_;
  std::size_t used_ = 0;
};

}  // namespace sublet::cuda
