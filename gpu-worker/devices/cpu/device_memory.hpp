#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>
#include <random>
#include <set>
#include <unordered_map>

#include "common/bytes.hpp"
#include "common/error.hpp"
#include "gpu-worker/devices/cpu/memory_table.hpp"

namespace sublet::cpu {

/// What the sessions of one device share: the bytes it has, and the address space.
class DeviceMemory {
 public:
  explicit DeviceMemory(Bytes total) : total_(total) {}

  /// False when the device has not so many left.
  bool take(Bytes size);
  void give_back(Bytes size);
  [[nodiscard]] Bytes total() const { return total_; }
  [[nodiscard]] Bytes in_use() const { return {in_use_.load(std::memory_order_relaxed)}; }

  /// Addresses [first, last) that no other live session has, at a place nobody can guess; 0 when all are taken.
  std::uint64_t take_window();
  void give_back_window(std::uint64_t first);

  /// The size of a window.
  static constexpr std::uint64_t kWindow = 1ULL << 44U;

 private:
  Bytes total_;
  std::atomic<std::uint64_t> in_use_ = 0;
  std::mutex mutex_;
  std::set<std::uint64_t> windows_;
  std::random_device random_;
};

/// The allocations of one session. Everything goes back to the device at its end.
class SessionMemory {
 public:
  SessionMemory(DeviceMemory& device, Bytes slice);
  ~SessionMemory();
  SessionMemory(const SessionMemory&) = delete;
  SessionMemory& operator=(const SessionMemory&) = delete;

  /// Zeroed memory; its address.
  Result<std::uint64_t> allocate(Bytes size, bool is_buffer = true);
  /// `address` must be of a live allocation.
  void release(std::uint64_t address);

  [[nodiscard]] const MemoryTable& table() const { return table_; }
  [[nodiscard]] Bytes in_use() const { return in_use_; }
  [[nodiscard]] Bytes at_peak() const { return at_peak_; }

 private:
  struct Freed {
    void operator()(std::byte* memory) const;
  };
  struct Block {
    std::unique_ptr<std::byte[], Freed> memory;
    Bytes size;
  };

  DeviceMemory& device_;
  Bytes slice_;
  Bytes in_use_;
  Bytes at_peak_;
  std::uint64_t window_;
  /// Where the next allocation goes: freed addresses are not given out again before the window is used up, so a stale pointer is caught.
  std::uint64_t next_;
  MemoryTable table_;
  std::unordered_map<std::uint64_t, Block> blocks_;
};

}  // namespace sublet::cpu
