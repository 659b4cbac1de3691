#include "gpu-worker/devices/cpu/memory_table.hpp"

#include <algorithm>

namespace sublet::cpu {

std::vector<MemoryRange>::const_iterator MemoryTable::after(std::uint64_t address) const {
  return std::ranges::upper_bound(ranges_, address, {}, &MemoryRange::address);
}

void MemoryTable::insert(const MemoryRange& range) { ranges_.insert(after(range.address), range); }

void MemoryTable::erase(std::uint64_t address) {
  const auto found = std::ranges::lower_bound(ranges_, address, {}, &MemoryRange::address);
  if (found != ranges_.end() && found->address == address) {
    ranges_.erase(found);
  }
}

const MemoryRange* MemoryTable::at(std::uint64_t address) const {
  const auto next = after(address);
  if (next == ranges_.begin() || std::prev(next)->address != address) {
    return nullptr;
  }
  return &*std::prev(next);
}

const MemoryRange* MemoryTable::holding(std::uint64_t address) const {
  const auto next = after(address);
  if (next == ranges_.begin() || !std::prev(next)->holds(address, 1)) {
    return nullptr;
  }
  return &*std::prev(next);
}

std::uint64_t MemoryTable::find_gap(std::uint64_t from, std::uint64_t end, std::uint64_t size) const {
  const auto aligned = [](std::uint64_t value) { return (value + kAllocationAlign - 1) & ~(kAllocationAlign - 1); };
  std::uint64_t candidate = aligned(from);
  auto next = after(candidate);
  if (next != ranges_.begin()) {
    const MemoryRange& before = *std::prev(next);
    candidate = std::max(candidate, aligned(before.address + before.size + kGuardBytes));
  }
  for (; next != ranges_.end() && next->address < end; ++next) {
    if (next->address >= candidate && next->address - candidate >= size + kGuardBytes) {
      return candidate;
    }
    candidate = aligned(next->address + next->size + kGuardBytes);
  }
  return candidate <= end && end - candidate >= size ? candidate : 0;
}

}  // namespace sublet::cpu
