#include "gpu-worker/devices/cpu/device_memory.hpp"

#include <algorithm>
#include <cstdlib>

#include <fmt/format.h>

namespace sublet::cpu {

namespace {
/// Windows lie between 2^44 and 2^60: far from 0, so that a null pointer with an offset hits nothing.
constexpr std::uint64_t kWindows = (1ULL << 16U) - 1;
}  // namespace

bool DeviceMemory::take(Bytes size) {
  std::uint64_t before = in_use_.load(std::memory_order_relaxed);
  do {
    if (size.count > total_.count - before) {
      return false;
    }
  } while (!in_use_.compare_exchange_weak(before, before + size.count, std::memory_order_relaxed));
  return true;
}

void DeviceMemory::give_back(Bytes size) { in_use_.fetch_sub(size.count, std::memory_order_relaxed); }

std::uint64_t DeviceMemory::take_window() {
  const std::lock_guard lock(mutex_);
  if (windows_.size() >= kWindows / 2) {
    return 0;
  }
  for (;;) {
    const std::uint64_t first = (1 + random_() % kWindows) * kWindow;
    if (windows_.insert(first).second) {
      return first;
    }
  }
}

void DeviceMemory::give_back_window(std::uint64_t first) {
  const std::lock_guard lock(mutex_);
  windows_.erase(first);
}

void SessionMemory::Freed::operator()(std::byte* memory) const { std::free(memory); }

SessionMemory::SessionMemory(DeviceMemory& device, Bytes slice)
    : device_(device), slice_(slice), window_(device.take_window()), next_(window_) {}

SessionMemory::~SessionMemory() {
  device_.give_back(in_use_);
  device_.give_back_window(window_);
}

Result<std::uint64_t> SessionMemory::allocate(Bytes size, bool is_buffer) {
  if (size.count == 0) {
    return fail(ErrorCode::bad_size, "an allocation of 0 bytes; ask for 1 or more");
  }
  if (size.count > slice_.count - in_use_.count) {
    return fail(ErrorCode::alloc_failed_quota,
                fmt::format("{} bytes asked for, {} of the session's {} are free; lease a larger slice or free buffers", size.count,
                            slice_.count - in_use_.count, slice_.count));
  }
  if (!device_.take(size)) {
    return fail(ErrorCode::alloc_failed_device,
                fmt::format("{} bytes asked for, {} of the device's {} are free; ask for less or wait for other sessions", size.count,
                            device_.total().count - device_.in_use().count, device_.total().count));
  }
  std::uint64_t address = window_ == 0 ? 0 : table_.find_gap(next_, window_ + DeviceMemory::kWindow, size.count);
  if (address == 0 && window_ != 0) {
    address = table_.find_gap(window_, window_ + DeviceMemory::kWindow, size.count);
  }
  // calloc gives pages that the system zeroes when they are first touched, so an allocation costs no pass over its bytes.
  auto* const memory = address == 0 ? nullptr : static_cast<std::byte*>(std::calloc(size.count, 1));
  if (memory == nullptr) {
    device_.give_back(size);
    return fail(ErrorCode::alloc_failed_device,
                fmt::format("this machine has no {} bytes left; ask for less or give the cpu device less", size.count));
  }
  blocks_.emplace(address, Block{.memory = std::unique_ptr<std::byte[], Freed>(memory), .size = size});
  table_.insert({.address = address, .size = size.count, .host = memory, .is_buffer = is_buffer});
  next_ = address + size.count + kGuardBytes;
  in_use_ += size;
  at_peak_ = std::max(at_peak_, in_use_);
  return address;
}

void SessionMemory::release(std::uint64_t address) {
  const auto found = blocks_.find(address);
  in_use_ -= found->second.size;
  device_.give_back(found->second.size);
  table_.erase(address);
  blocks_.erase(found);
}

}  // namespace sublet::cpu
