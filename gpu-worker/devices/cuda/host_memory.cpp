#include "gpu-worker/devices/cuda/host_memory.hpp"

#include <algorithm>
#include <functional>

namespace sublet::cuda {

Status PinnedRanges::add(const DriverRef& driver, std::span<std::byte> memory) {
  const Status status = driver->mem_host_register(memory.data(), memory.size(), 0);
  if (status == kSuccess) {
    ranges_.push_back({.first = memory.data(), .bytes = memory.size(), .registration = HostRegistration(driver, memory.data())});
  }
  return status;
}

void PinnedRanges::remove(std::span<std::byte> memory) {
  std::erase_if(ranges_, [&](const Range& range) { return range.first == memory.data(); });
}

bool PinnedRanges::hold(const void* first, std::size_t bytes) const {
  const auto* const at = static_cast<const std::byte*>(first);
  return std::ranges::any_of(ranges_, [&](const Range& range) {
    return std::greater_equal<>()(at, range.first) && std::less_equal<>()(at + bytes, range.first + range.bytes);
  });
}

void PinnedRanges::abandon() {
  for (Range& range : ranges_) {
    range.registration.abandon();
  }
}

std::byte* Staging::take(const DriverRef& driver, std::size_t bytes) {
  if (bytes > kBytes - used_) {
    return nullptr;
  }
  if (!memory_) {
    void* memory = nullptr;
    if (driver->mem_host_alloc(&memory, kBytes, 0) != kSuccess) {
      return nullptr;
    }
    memory_ = OwnedHostMemory(driver, memory);
  }
  std::byte* const taken = static_cast<std::byte*>(memory_.get()) + used_;
  used_ += bytes;
  return taken;
}

}  // namespace sublet::cuda
