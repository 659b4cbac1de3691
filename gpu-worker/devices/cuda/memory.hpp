#pragma once

#include <cstdint>
#include <unordered_map>

#include "common/bytes.hpp"
#include "common/error.hpp"
#include "gpu-worker/devices/cuda/handles.hpp"

namespace sublet::cuda {

/// The allocations of one session, in the current context.
class SessionMemory {
 public:
  SessionMemory(DriverRef driver, Bytes slice) : driver_(std::move(driver)), slice_(slice) {}

  /// Not zeroed yet.
  Result<DeviceAddress> allocate(Bytes size);
  /// `address` must be of a live allocation. Waits for the card.
  void release(DeviceAddress address);
  /// Whether `size` bytes at `offset` of the buffer are there: `invalid_handle` or `out_of_range`.
  [[nodiscard]] Result<void> check(DeviceAddress buffer, std::uint64_t offset, std::uint64_t size) const;

  [[nodiscard]] Bytes in_use() const { return in_use_; }
  [[nodiscard]] Bytes at_peak() const { return at_peak_; }
  void abandon();

 private:
  struct Block {
    OwnedMemory memory;
    Bytes size;
  };

  DriverRef driver_;
  Bytes slice_;
  Bytes in_use_;
  Bytes at_peak_;
  std::unordered_map<DeviceAddress, Block> blocks_;
};

}  // namespace sublet::cuda
