#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

namespace sublet::cpu {

/// One allocation: where kernels see it, and where it is.
struct MemoryRange {
  std::uint64_t address = 0;
  std::uint64_t size = 0;
  std::byte* host = nullptr;
  /// Whether its address is a handle; a module's variable is memory too, but nobody's to write or free.
  bool is_buffer = true;

  /// Whether all of `bytes` at `at` lie inside.
  [[nodiscard]] bool holds(std::uint64_t at, std::uint64_t bytes) const {
    const std::uint64_t offset = at - address;
    return offset < size && bytes <= size - offset;
  }
};

/// The allocations of one session, ascending by address. Kernels read it from several threads; it changes only while none runs.
class MemoryTable {
 public:
  /// `range` must not overlap another one.
  void insert(const MemoryRange& range);
  void erase(std::uint64_t address);
  /// The range that begins at `address`, or null.
  [[nodiscard]] const MemoryRange* at(std::uint64_t address) const;
  /// The range that holds `address`, or null.
  [[nodiscard]] const MemoryRange* holding(std::uint64_t address) const;
  /// The lowest multiple of 256 at or after `from` where `size` bytes fit below `end` with a gap to their neighbours; 0 when there is none.
  [[nodiscard]] std::uint64_t find_gap(std::uint64_t from, std::uint64_t end, std::uint64_t size) const;

 private:
  [[nodiscard]] std::vector<MemoryRange>::const_iterator after(std::uint64_t address) const;

  std::vector<MemoryRange> ranges_;
};

/// Unmapped bytes that are kept between two allocations, so that a short overrun meets nothing.
inline constexpr std::uint64_t kGuardBytes = 4096;
inline constexpr std::uint64_t kAllocationAlign = 256;

}  // namespace sublet::cpu
