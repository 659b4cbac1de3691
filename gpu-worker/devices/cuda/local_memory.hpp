#pragma once

#include <cstdint>
#include <mutex>
#include <optional>

#include "common/bytes.hpp"
#include "common/error.hpp"
#include "gpu-worker/devices/cuda/loaded_module.hpp"

namespace sublet::cuda {

/// What the context of a process sets aside for the local memory of kernels (their stack, arrays and spilled registers): as much for every
/// thread that the card holds at a time as the kernel that needs most, whether it runs or not. The driver would grow it at that kernel's
/// first launch, where nobody is asked any more. Used by all sessions of the process.
class LocalMemory {
 public:
  LocalMemory(DriverRef driver, std::uint64_t resident_threads) : driver_(std::move(driver)), resident_threads_(resident_threads) {}

  /// Has the context set aside what `kernel` needs, in the current context; waits for what runs when that is more than before.
  /// `alloc_failed_device` when the card has not so much left.
  Result<void> reserve(const Kernel& kernel);
  /// By how much it has grown since the context was made.
  [[nodiscard]] Bytes grown();

 private:
  DriverRef driver_;
  std::uint64_t resident_threads_;
  std::mutex mutex_;
  std::optional<std::uint64_t> at_first_;  ///< bytes a thread
  std::uint64_t now_ = 0;
};

}  // namespace sublet::cuda
