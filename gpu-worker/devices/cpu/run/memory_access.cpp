#include "gpu-worker/devices/cpu/run/memory_access.hpp"

#include <algorithm>
#include <cstring>
#include <type_traits>

namespace sublet::cpu {

namespace {

/// From memory elements of type `M`, `stride` bytes apart, into registers of type `R`: sign or zero fills what is wider.
template <class M, class R>
void take_elements(const std::byte* memory, std::uint32_t stride, std::byte* registers, std::uint32_t count) {
  auto* out = reinterpret_cast<R*>(registers);
  if (stride == sizeof(M)) {
    if constexpr (sizeof(M) == sizeof(R)) {
      std::memcpy(out, memory, std::size_t{count} * sizeof(M));
    } else {
      const auto* in = reinterpret_cast<const M*>(memory);
      for (std::uint32_t i = 0; i < count; ++i) {
        out[i] = static_cast<R>(in[i]);
      }
    }
    return;
  }
  for (std::uint32_t i = 0; i < count; ++i) {
    M value;
    std::memcpy(&value, memory + std::size_t{i} * stride, sizeof(M));
    out[i] = static_cast<R>(value);
  }
}

template <class M, class R>
void put_elements(std::byte* memory, std::uint32_t stride, const std::byte* registers, std::uint32_t count) {
  const auto* in = reinterpret_cast<const R*>(registers);
  if (stride == sizeof(M)) {
    if constexpr (sizeof(M) == sizeof(R)) {
      std::memcpy(memory, in, std::size_t{count} * sizeof(M));
    } else {
      auto* out = reinterpret_cast<M*>(memory);
      for (std::uint32_t i = 0; i < count; ++i) {
        out[i] = static_cast<M>(in[i]);
      }
    }
    return;
  }
  for (std::uint32_t i = 0; i < count; ++i) {
    const M value = static_cast<M>(in[i]);
    std::memcpy(memory + std::size_t{i} * stride, &value, sizeof(M));
  }
}

template <class T>
struct Tag {
  using type = T;
};

/// Calls `visit` with the tags of the memory's and the register's type. Signed only where it matters: in a load that widens.
template <class Visit>
void with_types(Type type, std::uint32_t register_width, Visit visit) {
  const auto with_register = [&]<class M>(Tag<M> memory) {
    const auto as = [&]<class R>(Tag<R> reg) {
      if constexpr (sizeof(R) >= sizeof(M)) {
        visit(memory, reg);
      }
    };
    switch (register_width) {
      case 1:
        return as(Tag<std::conditional_t<std::is_signed_v<M>, std::int8_t, std::uint8_t>>{});
      case 2:
        return as(Tag<std::conditional_t<std::is_signed_v<M>, std::int16_t, std::uint16_t>>{});
      case 4:
        return as(Tag<std::conditional_t<std::is_signed_v<M>, std::int32_t, std::uint32_t>>{});
      default:
        return as(Tag<std::conditional_t<std::is_signed_v<M>, std::int64_t, std::uint64_t>>{});
    }
  };
  switch (width_of(type)) {
    case 1:
      return is_signed(type) ? with_register(Tag<std::int8_t>{}) : with_register(Tag<std::uint8_t>{});
    case 2:
      return is_signed(type) ? with_register(Tag<std::int16_t>{}) : with_register(Tag<std::uint16_t>{});
    case 4:
      return is_signed(type) ? with_register(Tag<std::int32_t>{}) : with_register(Tag<std::uint32_t>{});
    default:
      return is_signed(type) ? with_register(Tag<std::int64_t>{}) : with_register(Tag<std::uint64_t>{});
  }
}

void move_run(const Access& access, const RegisterFile& registers, LaneRun run, std::byte* memory, bool store) {
  const std::uint32_t width = width_of(access.type);
  const std::uint32_t stride = width * access.count;
  for (std::uint32_t i = 0; i < access.count; ++i) {
    const Slot slot = access.elements[i];
    if (slot.width == 0) {
      continue;
    }
    std::byte* const at = registers.of(slot, run.first);
    std::byte* const element = memory + std::size_t{i} * width;
    with_types(access.type, slot.width, [&]<class M, class R>(Tag<M>, Tag<R>) {
      if (store) {
        put_elements<M, R>(element, stride, at, run.count());
      } else {
        take_elements<M, R>(element, stride, at, run.count());
      }
    });
  }
}

/// Whether each lane's address is `stride` behind the one before.
bool is_contiguous(const std::uint64_t* addresses, std::uint32_t count, std::uint64_t stride) {
  std::uint64_t off = 0;
  std::uint64_t wanted = addresses[0];
  for (std::uint32_t i = 0; i < count; ++i) {
    off |= addresses[i] ^ wanted;
    wanted += stride;
  }
  return off == 0;
}

std::byte* host_of(std::uint64_t address, std::uint64_t bytes, const MemoryTable& memory, MemoryRange& last_hit) {
  if (!last_hit.holds(address, bytes)) {
    const MemoryRange* const found = memory.holding(address);
    if (found == nullptr || !found->holds(address, bytes)) {
      return nullptr;
    }
    last_hit = *found;
  }
  return last_hit.host + (address - last_hit.address);
}

std::optional<AccessFault> move_lanes(const Access& access, const RegisterFile& registers, LaneRun run, const MemoryTable& memory,
                                      MemoryRange& last_hit, bool store) {
  // Predicates have no width, and the parser lets none through to memory.
  const std::uint32_t bytes = std::max<std::uint32_t>(width_of(access.type) * access.count, 1);
  const std::uint64_t* const addresses =
      access.address ? reinterpret_cast<const std::uint64_t*>(registers.of(*access.address, run.first)) : nullptr;
  if (addresses != nullptr && is_contiguous(addresses, run.count(), bytes)) {
    const std::uint64_t first = addresses[0] + access.offset;
    std::byte* const host = first % bytes == 0 ? host_of(first, std::uint64_t{bytes} * run.count(), memory, last_hit) : nullptr;
    if (host != nullptr) {
      move_run(access, registers, run, host, store);
      return std::nullopt;
    }
  }
  // Lane by lane; also when something is wrong with one of them, to find which.
  for (std::uint32_t lane = run.first; lane < run.last; ++lane) {
    const std::uint64_t address = access.offset + (addresses != nullptr ? addresses[lane - run.first] : 0);
    const bool misaligned = address % bytes != 0;
    std::byte* const host = misaligned ? nullptr : host_of(address, bytes, memory, last_hit);
    if (host == nullptr) {
      return AccessFault{.lane = lane, .address = address, .bytes = bytes, .misaligned = misaligned};
    }
    move_run(access, registers, {.first = lane, .last = lane + 1}, host, store);
  }
  return std::nullopt;
}

}  // namespace

std::optional<AccessFault> load_lanes(const Access& access, const RegisterFile& registers, LaneRun run, const MemoryTable& memory,
                                      MemoryRange& last_hit) {
  return move_lanes(access, registers, run, memory, last_hit, false);
}

std::optional<AccessFault> store_lanes(const Access& access, const RegisterFile& registers, LaneRun run, const MemoryTable& memory,
                                       MemoryRange& last_hit) {
  return move_lanes(access, registers, run, memory, last_hit, true);
}

}  // namespace sublet::cpu
