#include "gpu-worker/devices/cpu/run/memory_access.hpp"

#include <algorithm>

#include "gpu-worker/devices/cpu/run/address_space.hpp"
#include "gpu-worker/devices/cpu/run/lane_addresses.hpp"
#include "gpu-worker/devices/cpu/run/lane_moves.hpp"

namespace sublet::cpu {

namespace {

/// One access by a run of lanes.
struct Job {
  const Access& access;
  const RegisterFile& registers;
  LaneRun run;
  std::uint32_t bytes = 0;  ///< that each lane moves
  bool store = false;

  [[nodiscard]] AddressOperand address() const { return {.base = access.address, .offset = access.offset}; }

  /// Calls `visit` for each element that is wanted: its bytes behind the first one's, its registers, and the tags of both types.
  template <class Visit>
  void for_each_element(Visit visit) const {
    const std::uint32_t width = width_of(access.type);
    for (std::uint32_t i = 0; i < access.count; ++i) {
      const Slot slot = access.elements[i];
      if (slot.width != 0) {
        std::byte* const at = registers.of(slot, run.first);
        with_types(access.type, slot.width, [&](auto memory, auto reg) { visit(std::size_t{i} * width, at, memory, reg); });
      }
    }
  }
};

/// Lanes whose memory lies `stride` bytes apart.
void move_evenly(const Job& job, std::byte* memory, std::uint32_t stride) {
  job.for_each_element([&]<class M, class R>(std::size_t offset, std::byte* registers, Tag<M>, Tag<R>) {
    if (job.store) {
      put_elements<M, R>(memory + offset, stride, registers, job.run.count());
    } else {
      take_elements<M, R>(memory + offset, stride, registers, job.run.count());
    }
  });
}

/// Lanes of which each has its own address; `memory` is the first one's.
void move_by_groups(const Job& job, std::byte* memory, const LaneAddresses& addresses) {
  const GroupedLanes lanes{.behind = addresses.behind(), .groups = addresses.groups(), .stride = job.bytes, .count = job.run.count()};
  job.for_each_element([&]<class M, class R>(std::size_t offset, std::byte* registers, Tag<M>, Tag<R>) {
    if (job.store) {
      scatter_elements<M, R>(memory + offset, lanes, registers);
    } else {
      gather_elements<M, R>(memory + offset, lanes, registers);
    }
  });
}

void load_one_for_all(const Job& job, const std::byte* memory) {
  job.for_each_element([&]<class M, class R>(std::size_t offset, std::byte* registers, Tag<M>, Tag<R>) {
    spread_element<M, R>(memory + offset, registers, job.run.count());
  });
}

/// Of lanes that store to one place, the last one's value stays.
void store_last(const Job& job, std::byte* memory) {
  Job last = job;
  last.run.first = job.run.last - 1;
  move_evenly(last, memory, job.bytes);
}

/// A single lane, whose memory others may be looking at.
void move_ordered(const Job& job, std::byte* memory) {
  job.for_each_element([&]<class M, class R>(std::size_t offset, std::byte* registers, Tag<M>, Tag<R>) {
    if (job.store) {
      put_ordered<M, R>(memory + offset, registers);
    } else {
      take_ordered<M, R>(memory + offset, registers);
    }
  });
}

std::byte* global_host(std::uint64_t address, std::uint64_t bytes, const MemoryTable& memory, MemoryRange& last_hit) {
  if (!last_hit.holds(address, bytes)) {
    const MemoryRange* const found = memory.holding(address);
    if (found == nullptr || !found->holds(address, bytes)) {
      return nullptr;
    }
    last_hit = *found;
  }
  return last_hit.host + (address - last_hit.address);
}

bool holds(std::uint32_t size, std::uint64_t offset, std::uint64_t bytes) { return offset < size && bytes <= size - offset; }

/// What an address means; it becomes one of the space that is answered. Parameters are addressed in their window even where an
/// instruction names their space, and those of functions are in local memory.
Space space_of(Space space, std::uint64_t& address) {
  if (space == Space::shared || space == Space::local) {
    return space;
  }
  if (space != Space::generic && space != Space::param) {
    return Space::global;
  }
  const auto in = [&](std::uint64_t window) {
    const bool inside = is_in_window(address, window);
    address -= inside ? window : 0;
    return inside;
  };
  if (in(kSharedWindow)) {
    return Space::shared;
  }
  if (in(kLocalWindow)) {
    return Space::local;
  }
  return in(kParameterWindow) || space == Space::param ? Space::param : Space::global;
}

std::optional<AccessFault> move_each(const Job& job, const BlockMemory& memory, MemoryRange& last_hit) {
  for (std::uint32_t lane = job.run.first; lane < job.run.last; ++lane) {
    const std::uint64_t address = address_of(job.address(), job.registers, lane);
    const bool misaligned = address % job.bytes != 0;
    const Place place = misaligned ? Place{} : find_place(memory, job.access.space, address, job.bytes, lane, job.store, last_hit);
    if (place.host == nullptr) {
      return AccessFault{.lane = lane, .address = address, .bytes = job.bytes, .misaligned = misaligned};
    }
    Job one = job;
    one.run = {.first = lane, .last = lane + 1};
    if (job.access.ordered && !place.alone) {
      move_ordered(one, place.host);
    } else {
      move_evenly(one, place.host, job.bytes);
    }
  }
  return std::nullopt;
}

/// All lanes at the same address of local memory, as variables of functions are.
bool move_local(const Job& job, const BlockMemory& memory, std::uint64_t address) {
  std::uint64_t offset = address;
  if (space_of(job.access.space, offset) != Space::local || offset % job.bytes != 0 || !holds(memory.local_bytes, offset, job.bytes)) {
    return false;
  }
  move_evenly(job, memory.local_of(offset, job.run.first), 16);
  return true;
}

std::optional<AccessFault> move_by_address(const Job& job, const BlockMemory& memory, MemoryRange& last_hit) {
  const LaneAddresses addresses(job.address(), job.registers, job.run, memory, job.bytes);
  const bool one_for_all = addresses.near() && addresses.span() == 0;
  if (one_for_all && move_local(job, memory, addresses.low())) {
    return std::nullopt;
  }
  const bool together = addresses.near() && addresses.aligned(job.bytes) && !job.access.ordered;
  const Place place =
      together ? find_flat_place(memory, job.access.space, addresses.low(), addresses.span() + job.bytes, job.store, last_hit) : Place{};
  if (place.host == nullptr) {
    // Also when something is wrong with one of them, to find which.
    return move_each(job, memory, last_hit);
  }
  if (!one_for_all) {
    move_by_groups(job, place.host + addresses.before_first(), addresses);
  } else if (job.store) {
    store_last(job, place.host);
  } else {
    load_one_for_all(job, place.host);
  }
  return std::nullopt;
}

Place find_row(const Job& job, const BlockMemory& memory, MemoryRange& last_hit) {
  const std::optional<Slot>& base = job.access.address;
  if (!base || job.access.ordered) {
    return {};
  }
  const std::byte* const addresses = job.registers.of(*base, job.run.first);
  if (!memory.functions_for(base->width).are_evenly_apart(addresses, job.run.count(), job.bytes)) {
    return {};
  }
  // Short addresses that begin again at 0 would end behind the end of every space.
  const std::uint64_t first = address_of(job.address(), job.registers, job.run.first);
  const std::uint64_t bytes = std::uint64_t{job.bytes} * job.run.count();
  return first % job.bytes == 0 ? find_flat_place(memory, job.access.space, first, bytes, job.store, last_hit) : Place{};
}

std::optional<AccessFault> move_lanes(const Job& job, const BlockMemory& memory, MemoryRange& last_hit) {
  if (const Place row = find_row(job, memory, last_hit); row.host != nullptr) {
    move_evenly(job, row.host, job.bytes);
    return std::nullopt;
  }
  if (!job.access.address && move_local(job, memory, job.access.offset)) {
    return std::nullopt;
  }
  return move_by_address(job, memory, last_hit);
}

Job job_of(const Access& access, const RegisterFile& registers, LaneRun run, bool store) {
  // Predicates have no width, and the parser lets none through to memory.
  const std::uint32_t bytes = std::max<std::uint32_t>(width_of(access.type) * access.count, 1);
  return {.access = access, .registers = registers, .run = run, .bytes = bytes, .store = store};
}

}  // namespace

Place find_place(const BlockMemory& memory, Space space, std::uint64_t address, std::uint32_t bytes, std::uint32_t lane, bool store,
                 MemoryRange& last_hit) {
  std::uint64_t offset = address;
  if (space_of(space, offset) != Space::local) {
    return find_flat_place(memory, space, address, bytes, store, last_hit);
  }
  return holds(memory.local_bytes, offset, bytes) ? Place{.host = memory.local_of(offset, lane), .alone = true} : Place{};
}

Place find_flat_place(const BlockMemory& memory, Space space, std::uint64_t address, std::uint64_t bytes, bool store,
                      MemoryRange& last_hit) {
  switch (space_of(space, address)) {
    case Space::shared:
      return holds(memory.shared_bytes, address, bytes) ? Place{.host = memory.shared + address, .alone = true} : Place{};
    case Space::param:
      // Nobody writes there, so that the launch's own copy can be read.
      return !store && holds(memory.parameter_bytes, address, bytes)
                 ? Place{.host = const_cast<std::byte*>(memory.parameters) + address, .alone = true}
                 : Place{};
    case Space::local:
      return {};
    default:
      return {.host = global_host(address, bytes, *memory.global, last_hit)};
  }
}

Place find_row(const Access& access, const RegisterFile& registers, LaneRun run, const BlockMemory& memory, bool store,
               MemoryRange& last_hit) {
  return find_row(job_of(access, registers, run, store), memory, last_hit);
}

std::optional<AccessFault> load_lanes(const Access& access, const RegisterFile& registers, LaneRun run, const BlockMemory& memory,
                                      MemoryRange& last_hit) {
  return move_lanes(job_of(access, registers, run, false), memory, last_hit);
}

std::optional<AccessFault> store_lanes(const Access& access, const RegisterFile& registers, LaneRun run, const BlockMemory& memory,
                                       MemoryRange& last_hit) {
  return move_lanes(job_of(access, registers, run, true), memory, last_hit);
}

}  // namespace sublet::cpu
