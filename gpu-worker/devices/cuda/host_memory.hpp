#pragma once

#include <cstddef>
#include <optional>
#include <span>
#include <vector>

#include "gpu-worker/devices/cuda/handles.hpp"

namespace sublet::cuda {

/// Host memory of the caller's that is page-locked, so that copies from and to it run at the link's speed and beside kernels.
class PinnedRanges {
 public:
  /// The driver's answer. Memory that cannot be locked is copied all the same, through `Staging`.
  Status add(const DriverRef& driver, std::span<std::byte> memory);
  void remove(std::span<std::byte> memory);
  [[nodiscard]] bool hold(const void* first, std::size_t bytes) const;
  void abandon();

 private:
  struct Range {
    const std::byte* first;
    std::size_t bytes;
    HostRegistration registration;
  };
  std::vector<Range> ranges_;
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
