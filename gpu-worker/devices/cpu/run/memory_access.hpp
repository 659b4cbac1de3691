#pragma once

#include <cstdint>
#include <optional>

#include "gpu-worker/devices/cpu/memory_table.hpp"
#include "gpu-worker/devices/cpu/run/lane_op.hpp"
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

/// Everything that one block of threads can address.
struct BlockMemory {
  const MemoryTable* global = nullptr;
  std::byte* shared = nullptr;
  std::uint32_t shared_bytes = 0;
  /// Of each thread. 16 bytes of one stand beside the same 16 of the next, so that what all threads do is done side by side.
  std::byte* local = nullptr;
  std::uint32_t local_bytes = 0;
  std::uint32_t capacity = 0;  ///< threads that `local` has room for
  const std::byte* parameters = nullptr;
  std::uint32_t parameter_bytes = 0;
  AddressFunctions short_addresses;  ///< of 4 bytes
  AddressFunctions addresses;        ///< of 8

  [[nodiscard]] const AddressFunctions& functions_for(std::uint32_t width) const { return width == 4 ? short_addresses : addresses; }
  [[nodiscard]] std::byte* local_of(std::uint64_t offset, std::uint32_t lane) const {
    return local + ((offset & ~std::uint64_t{15}) * capacity) + (std::size_t{lane} * 16) + (offset & 15U);
  }
};

/// Where a thread's access goes, and whether only this block can see it.
struct Place {
  std::byte* host = nullptr;
  bool alone = false;
};

/// Where `bytes` at `address`, which is a multiple of them, are for thread `lane`; no host when the thread may not.
Place find_place(const BlockMemory& memory, Space space, std::uint64_t address, std::uint32_t bytes, std::uint32_t lane, bool store,
                 MemoryRange& last_hit);

/// Where `bytes` from `address` on are when all threads see the same there: no host where that is local memory, or where they may not.
Place find_flat_place(const BlockMemory& memory, Space space, std::uint64_t address, std::uint64_t bytes, bool store,
                      MemoryRange& last_hit);

/// Where a run of lanes' memory is if it is one row of neighbours, which most is; no host otherwise.
Place find_row(const Access& access, const RegisterFile& registers, LaneRun run, const BlockMemory& memory, bool store,
               MemoryRange& last_hit);

/// Moves a run of lanes between registers and memory. `last_hit` is where this access found its memory the last time.
std::optional<AccessFault> load_lanes(const Access& access, const RegisterFile& registers, LaneRun run, const BlockMemory& memory,
                                      MemoryRange& last_hit);
std::optional<AccessFault> store_lanes(const Access& access, const RegisterFile& registers, LaneRun run, const BlockMemory& memory,
                                       MemoryRange& last_hit);

}  // namespace sublet::cpu
