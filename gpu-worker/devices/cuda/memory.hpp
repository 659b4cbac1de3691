#pragma once

#include <atomic>
#include <cstdint>
#include <unordered_map>

#include "common/bytes.hpp"
#include "common/error.hpp"
#include "gpu-worker/devices/cuda/handles.hpp"

namespace sublet::cuda {

/// The allocations of one session, in the current context.
class SessionMemory {
 public:
  /// @param all  what the buffers of all sessions take together; outlives this
  SessionMemory(DriverRef driver, Bytes slice, std::atomic<std::uint64_t>& all) : driver_(std::move(driver)), slice_(slice), all_(&all) {}
  ~SessionMemory();
  SessionMemory(const SessionMemory&) = delete;
  SessionMemory& operator=(const SessionMemory&) = delete;

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
  std::atomic<std::uint64_t>* all_;
  Bytes in_use_;
  Bytes at_peak_;
  std::unordered_map<DeviceAddress, Block> blocks_;
};

}  // namespace sublet::cuda
