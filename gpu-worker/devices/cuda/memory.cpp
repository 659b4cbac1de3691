#include "gpu-worker/devices/cuda/memory.hpp"

#include <algorithm>

#include <fmt/format.h>

namespace sublet::cuda {

Result<DeviceAddress> SessionMemory::allocate(Bytes size) {
  if (size.count == 0) {
    return fail(ErrorCode::bad_size, "an allocation of 0 bytes; ask for 1 or more");
  }
  if (size.count > slice_.count - in_use_.count) {
    return fail(ErrorCode::alloc_failed_quota,
                fmt::format("{} bytes asked for, {} of the session's {} are free; lease a larger slice or free buffers", size.count,
                            slice_.count - in_use_.count, slice_.count));
  }
  DeviceAddress address = 0;
  *all_ += size.count;
  if (const Status status = driver_->mem_alloc(&address, size.count); status != kSuccess) {
    *all_ -= size.count;
    std::size_t free = 0;
    std::size_t total = 0;
    driver_->mem_get_info(&free, &total);
    return fail(ErrorCode::alloc_failed_device,
                fmt::format("{} bytes asked for, {} of the card's {} are free: {}; ask for less or wait for other sessions", size.count,
                            free, total, driver_->text(status)));
  }
  blocks_.emplace(address, Block{.memory = OwnedMemory(driver_, address), .size = size});
  in_use_ += size;
  at_peak_ = std::max(at_peak_, in_use_);
  return address;
}

void SessionMemory::release(DeviceAddress address) {
  const auto found = blocks_.find(address);
  const Bytes size = found->second.size;
  in_use_ -= size;
  blocks_.erase(found);
  *all_ -= size.count;
}

SessionMemory::~SessionMemory() {
  blocks_.clear();
  *all_ -= in_use_.count;
}

Result<void> SessionMemory::check(DeviceAddress buffer, std::uint64_t offset, std::uint64_t size) const {
  const auto found = blocks_.find(buffer);
  if (found == blocks_.end()) {
    return fail(ErrorCode::invalid_handle, fmt::format("{:#x} is no buffer of this session; it was freed or never allocated here", buffer));
  }
  const std::uint64_t capacity = found->second.size.count;
  if (offset > capacity || size > capacity - offset) {
    return fail(ErrorCode::out_of_range,
                fmt::format("{} bytes at offset {} of buffer {:#x}, which has {}", size, offset, buffer, capacity));
  }
  return {};
}

void SessionMemory::abandon() {
  for (auto& [address, block] : blocks_) {
    block.memory.abandon();
  }
}

}  // namespace sublet::cuda
