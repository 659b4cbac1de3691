#include "gpu-worker/devices/cpu/run/atomic_access.hpp"

#include <algorithm>
#include <bit>
#include <cmath>
#include <type_traits>

#include "gpu-worker/devices/cpu/run/lane_addresses.hpp"

namespace sublet::cpu {

namespace {

#include "gpu-worker/devices/cpu/run/half.inc"

// What each operation makes of what was there and its operands.

struct Add {
  template <class T>
  static T of(T old, T a, T) {
    return static_cast<T>(old + a);
  }
};
struct Min {
  template <class T>
  static T of(T old, T a, T) {
    return std::min(old, a);
  }
};
struct Max {
  template <class T>
  static T of(T old, T a, T) {
    return std::max(old, a);
  }
};
struct And {
  template <class T>
  static T of(T old, T a, T) {
    return static_cast<T>(old & a);
  }
};
struct Or {
  template <class T>
  static T of(T old, T a, T) {
    return static_cast<T>(old | a);
  }
};
struct Xor {
  template <class T>
  static T of(T old, T a, T) {
    return static_cast<T>(old ^ a);
  }
};
struct SwapIn {
  template <class T>
  static T of(T, T a, T) {
    return a;
  }
};
struct CompareAndSwap {
  template <class T>
  static T of(T old, T a, T b) {
    return old == a ? b : old;
  }
};
struct Increment {
  static std::uint32_t of(std::uint32_t old, std::uint32_t a, std::uint32_t) { return old >= a ? 0 : old + 1; }
};
struct Decrement {
  static std::uint32_t of(std::uint32_t old, std::uint32_t a, std::uint32_t) { return old == 0 || old > a ? a : old - 1; }
};

float canonical(float value) { return value != value ? std::bit_cast<float>(0x7fff'ffffU) : value; }
float flushed(float value) { return std::fpclassify(value) == FP_SUBNORMAL ? std::copysign(0.0F, value) : value; }

struct AddDouble {
  static std::uint64_t of(std::uint64_t old, std::uint64_t a, std::uint64_t) {
    // Of two NaN the card passes on the one that was there.
    if (std::isnan(std::bit_cast<double>(old))) return old | 0x0008'0000'0000'0000U;
    return std::bit_cast<std::uint64_t>(std::bit_cast<double>(old) + std::bit_cast<double>(a));
  }
};
/// In global memory the card's adder knows no subnormal numbers; in shared memory it does.
template <bool kFlush>
struct AddFloat {
  static std::uint32_t of(std::uint32_t old, std::uint32_t a, std::uint32_t) {
    const auto x = std::bit_cast<float>(old);
    const auto y = std::bit_cast<float>(a);
    return std::bit_cast<std::uint32_t>(kFlush ? flushed(canonical(flushed(x) + flushed(y))) : canonical(x + y));
  }
};
template <class H>
struct AddHalf {
  static std::uint16_t of(std::uint16_t old, std::uint16_t a, std::uint16_t) {
    return narrowed<H>(static_cast<double>(widened(H{old})) + static_cast<double>(widened(H{a}))).bits;
  }
};
template <class H>
struct AddPair {
  static std::uint32_t of(std::uint32_t old, std::uint32_t a, std::uint32_t) {
    const std::uint32_t low = AddHalf<H>::of(static_cast<std::uint16_t>(old), static_cast<std::uint16_t>(a), 0);
    return low | static_cast<std::uint32_t>(AddHalf<H>::of(static_cast<std::uint16_t>(old >> 16U), static_cast<std::uint16_t>(a >> 16U), 0))
                     << 16U;
  }
};

template <class T>
struct OfType {};

/// Calls `visit` with the operation and the type it works on; false when there is none such.
template <class Visit>
bool with_operation(Operation operation, Type type, bool alone, Visit visit) {
  using U16 = std::uint16_t;
  using U32 = std::uint32_t;
  using U64 = std::uint64_t;
  const auto by_width = [&]<class F>(F f) {
    return width_of(type) == 4 ? visit(f, OfType<U32>{}) : (width_of(type) == 8 ? visit(f, OfType<U64>{}) : false);
  };
  const auto ordered = [&]<class F>(F f) {
    switch (type) {
      case Type::u32:
        return visit(f, OfType<U32>{});
      case Type::s32:
        return visit(f, OfType<std::int32_t>{});
      case Type::u64:
        return visit(f, OfType<U64>{});
      case Type::s64:
        return visit(f, OfType<std::int64_t>{});
      default:
        return false;
    }
  };
  const bool bits = !is_float(type);
  switch (operation) {
    case Operation::add:
      switch (type) {
        case Type::u32:
        case Type::s32:
          return visit(Add{}, OfType<U32>{});
        case Type::u64:
        case Type::s64:
          return visit(Add{}, OfType<U64>{});
        case Type::f32:
          return alone ? visit(AddFloat<false>{}, OfType<U32>{}) : visit(AddFloat<true>{}, OfType<U32>{});
        case Type::f64:
          return visit(AddDouble{}, OfType<U64>{});
        case Type::f16:
          return visit(AddHalf<f16>{}, OfType<U16>{});
        case Type::bf16:
          return visit(AddHalf<bf16>{}, OfType<U16>{});
        case Type::f16x2:
          return visit(AddPair<f16>{}, OfType<U32>{});
        case Type::bf16x2:
          return visit(AddPair<bf16>{}, OfType<U32>{});
        default:
          return false;
      }
    case Operation::min:
      return ordered(Min{});
    case Operation::max:
      return ordered(Max{});
    case Operation::and_:
      return bits && by_width(And{});
    case Operation::or_:
      return bits && by_width(Or{});
    case Operation::xor_:
      return bits && by_width(Xor{});
    case Operation::exch:
      return bits && by_width(SwapIn{});
    case Operation::cas:
      return bits && (width_of(type) == 2 ? visit(CompareAndSwap{}, OfType<U16>{}) : by_width(CompareAndSwap{}));
    case Operation::inc:
      return type == Type::u32 && visit(Increment{}, OfType<U32>{});
    case Operation::dec:
      return type == Type::u32 && visit(Decrement{}, OfType<U32>{});
    case Operation::none:
    case Operation::popc:
      return false;
  }
  return false;
}

template <class F, class T>
T change(std::byte* host, bool alone, T a, T b) {
  auto* const at = reinterpret_cast<T*>(host);
  if (alone) {
    const T old = *at;
    *at = F::of(old, a, b);
    return old;
  }
  T old = __atomic_load_n(at, __ATOMIC_RELAXED);
  while (!__atomic_compare_exchange_n(at, &old, F::of(old, a, b), true, __ATOMIC_SEQ_CST, __ATOMIC_RELAXED)) {
  }
  return old;
}

/// The values of an operand, lane by lane.
struct LaneValues {
  std::byte* at = nullptr;  ///< null when there is no such operand
  std::uint32_t width = 0;

  template <class T>
  [[nodiscard]] T of(std::uint32_t lane) const {
    return at != nullptr ? *reinterpret_cast<const T*>(at + std::size_t{lane} * width) : T{};
  }
};

/// What lanes change: `behind` the first one's memory each, or all the same without.
struct Targets {
  std::byte* first = nullptr;
  const std::int32_t* behind = nullptr;
  bool alone = false;  ///< whether only this block can see it
};

void change_lanes(const Atomic& atomic, const RegisterFile& registers, LaneRun run, const Targets& targets) {
  const auto values_of = [&](Slot slot) {
    return LaneValues{.at = slot.width != 0 ? registers.of(slot, run.first) : nullptr, .width = slot.width};
  };
  const LaneValues a = values_of(atomic.a);
  const LaneValues b = values_of(atomic.b);
  const LaneValues to = values_of(atomic.to);
  with_operation(atomic.operation, atomic.type, targets.alone, [&]<class F, class T>(F, OfType<T>) {
    for (std::uint32_t i = 0; i < run.count(); ++i) {
      std::byte* const host = targets.first + (targets.behind != nullptr ? targets.behind[i] : 0);
      const T old = change<F, T>(host, targets.alone, a.of<T>(i), b.of<T>(i));
      if (to.at != nullptr) {
        *reinterpret_cast<T*>(to.at + std::size_t{i} * to.width) = old;
      }
    }
    return true;
  });
}

/// False, and nothing is done, where that needs a look at each lane.
bool change_together(const Atomic& atomic, const RegisterFile& registers, LaneRun run, std::uint32_t bytes, const BlockMemory& memory,
                     MemoryRange& last_hit) {
  const LaneAddresses addresses({.base = atomic.address, .offset = atomic.offset}, registers, run, memory, bytes);
  if (!addresses.near() || !addresses.aligned(bytes)) {
    return false;
  }
  const Place place = find_flat_place(memory, atomic.space, addresses.low(), addresses.span() + bytes, true, last_hit);
  if (place.host == nullptr) {
    return false;
  }
  change_lanes(atomic, registers, run,
               {.first = place.host + addresses.before_first(),
                .behind = addresses.span() == 0 ? nullptr : addresses.behind(),
                .alone = place.alone});
  return true;
}

}  // namespace

bool has_atomic(Operation operation, Type type) {
  return with_operation(operation, type, false, [](auto, auto) { return true; });
}

std::optional<AccessFault> run_atomic(const Atomic& atomic, const RegisterFile& registers, LaneRun run, const BlockMemory& memory,
                                      MemoryRange& last_hit) {
  const std::uint32_t bytes = std::max(width_of(atomic.type), 1U);
  if (change_together(atomic, registers, run, bytes, memory, last_hit)) {
    return std::nullopt;
  }
  for (std::uint32_t lane = run.first; lane < run.last; ++lane) {
    const std::uint64_t address = address_of({.base = atomic.address, .offset = atomic.offset}, registers, lane);
    const bool misaligned = address % bytes != 0;
    const Place place = misaligned ? Place{} : find_place(memory, atomic.space, address, bytes, lane, true, last_hit);
    if (place.host == nullptr) {
      return AccessFault{.lane = lane, .address = address, .bytes = bytes, .misaligned = misaligned};
    }
    change_lanes(atomic, registers, {.first = lane, .last = lane + 1}, {.first = place.host, .alone = place.alone});
  }
  return std::nullopt;
}

}  // namespace sublet::cpu
