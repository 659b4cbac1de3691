#include "gpu-worker/devices/cuda/host_memory.hpp"

#include <algorithm>
#include <functional>

#include <sys/mman.h>

namespace sublet::cuda {

PinnedRanges::~PinnedRanges() {
  for (Locking& locking : ranges_) {
    locking.thread.join();
  }
}

void PinnedRanges::add(const DriverRef& driver, ContextHandle context, std::span<std::byte> memory) {
  auto range = std::make_shared<Range>();
  range->memory = memory;
  std::thread thread([driver, context, range] { lock(driver, context, *range); });
  ranges_.push_back({.range = std::move(range), .thread = std::move(thread)});
}

/// Most of the time goes into finding pages, which the driver would do while every other call of the process waits.
void PinnedRanges::lock(const DriverRef& driver, ContextHandle context, Range& range) {
  ::madvise(range.memory.data(), range.memory.size(), MADV_POPULATE_WRITE);
  const bool locked = driver->context_set_current(context) == kSuccess &&
                      driver->mem_host_register(range.memory.data(), range.memory.size(), 0) == kSuccess;
  if (locked) {
    range.registration = HostRegistration(driver, range.memory.data());
  }
  range.done.store(true, std::memory_order_release);
}

void PinnedRanges::remove(std::span<std::byte> memory) {
  std::erase_if(ranges_, [&](Locking& locking) {
    const bool wanted = locking.range->memory.data() == memory.data();
    if (wanted) {
      locking.thread.join();
    }
    return wanted;
  });
}

bool PinnedRanges::hold(const void* first, std::size_t bytes) const {
  const auto* const at = static_cast<const std::byte*>(first);
  return std::ranges::any_of(ranges_, [&](const Locking& locking) {
    const Range& range = *locking.range;
    const std::byte* const begin = range.memory.data();
    const bool inside = std::greater_equal<>()(at, begin) && std::less_equal<>()(at + bytes, begin + range.memory.size());
    return inside && range.done.load(std::memory_order_acquire) && range.registration;
  });
}

bool PinnedRanges::is_done() const {
  return std::ranges::all_of(ranges_, [](const Locking& locking) { return locking.range->done.load(std::memory_order_acquire); });
}

void PinnedRanges::abandon() {
  for (Locking& locking : ranges_) {
    if (locking.range->done.load(std::memory_order_acquire)) {
      locking.range->registration.abandon();
      locking.thread.join();
    } else {
      locking.thread.detach();
    }
  }
  ranges_.clear();
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
