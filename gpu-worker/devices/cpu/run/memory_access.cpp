#include "gpu-worker/devices/cpu/run/memory_access.hpp"

#include <algorithm>
#include <array>

#include "gpu-worker/devices/cpu/run/address_space.hpp"
#include "gpu-worker/devices/cpu/run/lane_moves.hpp"

namespace sublet::cpu {

namespace {

/// The most threads of a block, rounded up as a register file is.
constexpr std::uint32_t kMostLanes = 1024;

/// One access by a run of lanes.
struct Job {
  const Access& access;
  const RegisterFile& registers;
  LaneRun run;
  std::uint32_t bytes = 0;  ///< that each lane moves
  bool store = false;

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

void move_scattered(const Job& job, std::byte* memory, const std::uint64_t* at) {
  job.for_each_element([&]<class M, class R>(std::size_t offset, std::byte* registers, Tag<M>, Tag<R>) {
    if (job.store) {
      scatter_elements<M, R>(memory + offset, at, registers, job.run.count());
    } else {
      gather_elements<M, R>(memory + offset, at, registers, job.run.count());
    }
  });
}

void load_one_for_all(const Job& job, const std::byte* memory) {
  job.for_each_element([&]<class M, class R>(std::size_t offset, std::byte* registers, Tag<M>, Tag<R>) {
    spread_element<M, R>(memory + offset, registers, job.run.count());
  });
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

/// Where the bytes from `address` on are when all lanes see the same there: not local memory.
Place flat_place(const BlockMemory& memory, Space space, std::uint64_t address, std::uint64_t bytes, bool store, MemoryRange& last_hit) {
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

std::optional<AccessFault> move_each(const Job& job, const BlockMemory& memory, const std::uint64_t* addresses, MemoryRange& last_hit) {
  for (std::uint32_t lane = job.run.first; lane < job.run.last; ++lane) {
    const std::uint64_t address = addresses[lane - job.run.first];
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

/// The addresses of a run's lanes.
struct Addresses {
  std::array<std::uint64_t, kMostLanes> at;
  std::uint64_t low = ~std::uint64_t{0};
  std::uint64_t high = 0;
  std::uint64_t bits = 0;  ///< of all of them, for alignment

  Addresses(const Job& job) {
    const std::uint32_t count = job.run.count();
    const std::uint64_t offset = job.access.offset;
    if (!job.access.address) {
      std::fill_n(at.begin(), count, offset);
    } else if (job.access.address->width == 4) {
      const auto* const from = reinterpret_cast<const std::uint32_t*>(job.registers.of(*job.access.address, job.run.first));
      for (std::uint32_t i = 0; i < count; ++i) {
        at[i] = static_cast<std::uint32_t>(from[i] + offset);
      }
    } else {
      const auto* const from = reinterpret_cast<const std::uint64_t*>(job.registers.of(*job.access.address, job.run.first));
      for (std::uint32_t i = 0; i < count; ++i) {
        at[i] = from[i] + offset;
      }
    }
    for (std::uint32_t i = 0; i < count; ++i) {
      low = std::min(low, at[i]);
      high = std::max(high, at[i]);
      bits |= at[i];
    }
  }
};

std::optional<AccessFault> move_by_address(const Job& job, const BlockMemory& memory, MemoryRange& last_hit) {
  Addresses addresses(job);
  const std::uint32_t count = job.run.count();
  const std::uint64_t span = addresses.high - addresses.low;
  if (span == 0 && move_local(job, memory, addresses.low)) {
    return std::nullopt;
  }
  const bool aligned = addresses.bits % job.bytes == 0;
  const Place place = aligned && !job.access.ordered && span < kWindowBytes
                          ? flat_place(memory, job.access.space, addresses.low, span + job.bytes, job.store, last_hit)
                          : Place{};
  if (place.host == nullptr) {
    // Also when something is wrong with one of them, to find which.
    return move_each(job, memory, addresses.at.data(), last_hit);
  }
  if (span == 0 && !job.store) {
    load_one_for_all(job, place.host);
  } else if (span == std::uint64_t{job.bytes} * (count - 1) && memory.are_evenly_apart(addresses.at.data(), count, job.bytes)) {
    move_evenly(job, place.host, job.bytes);
  } else {
    for (std::uint32_t i = 0; i < count; ++i) {
      addresses.at[i] -= addresses.low;
    }
    move_scattered(job, place.host, addresses.at.data());
  }
  return std::nullopt;
}

std::optional<AccessFault> move_lanes(const Job& job, const BlockMemory& memory, MemoryRange& last_hit) {
  const Access& access = job.access;
  // The usual case first: neighbours in global memory.
  if (access.address && access.address->width == 8 && !access.ordered) {
    const auto* const addresses = reinterpret_cast<const std::uint64_t*>(job.registers.of(*access.address, job.run.first));
    // The ends tell most of those that are scattered.
    const std::uint64_t wanted = std::uint64_t{job.bytes} * (job.run.count() - 1);
    if (addresses[job.run.count() - 1] - addresses[0] == wanted && memory.are_evenly_apart(addresses, job.run.count(), job.bytes)) {
      const std::uint64_t first = addresses[0] + access.offset;
      const std::uint64_t bytes = std::uint64_t{job.bytes} * job.run.count();
      const Place place = first % job.bytes == 0 ? flat_place(memory, access.space, first, bytes, job.store, last_hit) : Place{};
      if (place.host != nullptr) {
        move_evenly(job, place.host, job.bytes);
        return std::nullopt;
      }
    }
  } else if (!access.address && move_local(job, memory, access.offset)) {
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
    return flat_place(memory, space, address, bytes, store, last_hit);
  }
  return holds(memory.local_bytes, offset, bytes) ? Place{.host = memory.local_of(offset, lane), .alone = true} : Place{};
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
