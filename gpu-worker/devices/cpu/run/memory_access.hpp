#pragma once

#include <cstdint>
#include <optional>

#include "gpu-worker/devices/cpu/memory_table.hpp"
#include "gpu-worker/devices/cpu/run/lane_set.hpp"
#include "gpu-worker/devices/cpu/run/program.hpp"

namespace sublet::cpu {

/// An access that memory does not allow.
struct AccessFault {
  std::uint32_t lane = 0;
  std::uint64_t address = 0;
  std::uint32_t bytes = 0;
  bool misaligned = false;
};

/// The registers of one block of threads.
struct RegisterFile {
  std::byte* base = nullptr;
  std::uint32_t capacity = 0;

  [[nodiscard]] std::byte* of(Slot slot, std::uint32_t lane) const {
    return base + std::size_t{slot.unit} * capacity + std::size_t{lane} * slot.width;
  }
};

/// Moves a run of lanes between registers and memory. `last_hit` is where this access found its memory the last time.
std::optional<AccessFault> load_lanes(const Access& access, const RegisterFile& registers, LaneRun run, const MemoryTable& memory,
                                      MemoryRange& last_hit);
std::optional<AccessFault> store_lanes(const Access& access, const RegisterFile& registers, LaneRun run, const MemoryTable& memory,
                                       MemoryRange& last_hit);

}  // namespace sublet::cpu
