#pragma once

// Loops that move values between memory and the registers of neighbouring lanes. For memory_access.cpp alone.

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <type_traits>

#include "gpu-worker/devices/cpu/ptx/type.hpp"
#include "gpu-worker/devices/cpu/run/lane_op.hpp"

namespace sublet::cpu {

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

/// The same value for all lanes.
template <class M, class R>
void spread_element(const std::byte* memory, std::byte* registers, std::uint32_t count) {
  auto* out = reinterpret_cast<R*>(registers);
  M value;
  std::memcpy(&value, memory, sizeof(M));
  for (std::uint32_t i = 0; i < count; ++i) {
    out[i] = static_cast<R>(value);
  }
}

/// Lanes that each have an address of their own, in groups.
struct GroupedLanes {
  const std::int32_t* behind = nullptr;  ///< bytes to each lane's memory, from the first one's
  const LaneGroup* groups = nullptr;
  std::uint32_t stride = 0;  ///< of the even ones
  std::uint32_t count = 0;   ///< of lanes
};

template <class M, class R>
void gather_elements(const std::byte* memory, const GroupedLanes& lanes, std::byte* registers) {
  auto* out = reinterpret_cast<R*>(registers);
  for (std::uint32_t first = 0; first < lanes.count; first += kGroupLanes) {
    const std::int32_t* const behind = lanes.behind + first;
    auto* const to = reinterpret_cast<std::byte*>(out + first);
    switch (lanes.groups[first / kGroupLanes]) {
      case LaneGroup::even:
        take_elements<M, R>(memory + behind[0], lanes.stride, to, kGroupLanes);
        break;
      case LaneGroup::same:
        spread_element<M, R>(memory + behind[0], to, kGroupLanes);
        break;
      case LaneGroup::scattered:
        for (std::uint32_t i = 0; i < std::min(kGroupLanes, lanes.count - first); ++i) {
          take_elements<M, R>(memory + behind[i], sizeof(M), to + i * sizeof(R), 1);
        }
        break;
    }
  }
}

/// Of lanes that store to one place, the last one's value stays.
template <class M, class R>
void scatter_elements(std::byte* memory, const GroupedLanes& lanes, const std::byte* registers) {
  const auto* in = reinterpret_cast<const R*>(registers);
  for (std::uint32_t first = 0; first < lanes.count; first += kGroupLanes) {
    const std::int32_t* const behind = lanes.behind + first;
    const auto* const from = reinterpret_cast<const std::byte*>(in + first);
    if (lanes.groups[first / kGroupLanes] == LaneGroup::even) {
      put_elements<M, R>(memory + behind[0], lanes.stride, from, kGroupLanes);
      continue;
    }
    for (std::uint32_t i = 0; i < std::min(kGroupLanes, lanes.count - first); ++i) {
      put_elements<M, R>(memory + behind[i], sizeof(M), from + i * sizeof(R), 1);
    }
  }
}

/// One value that other threads of the host may be reading or writing.
template <class M, class R>
void take_ordered(const std::byte* memory, std::byte* reg) {
  *reinterpret_cast<R*>(reg) = static_cast<R>(__atomic_load_n(reinterpret_cast<const M*>(memory), __ATOMIC_ACQUIRE));
}
template <class M, class R>
void put_ordered(std::byte* memory, const std::byte* reg) {
  __atomic_store_n(reinterpret_cast<M*>(memory), static_cast<M>(*reinterpret_cast<const R*>(reg)), __ATOMIC_RELEASE);
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

}  // namespace sublet::cpu
