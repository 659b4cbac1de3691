#include "gpu-worker/devices/cpu/run/warp_exchange.hpp"

#include <algorithm>
#include <bit>
#include <cstring>

namespace sublet::cpu {

namespace {

template <class Visit>
void for_each_lane(const LaneSet& lanes, Visit visit) {
  for (const LaneRun& run : lanes.runs()) {
    for (std::uint32_t lane = run.first; lane < run.last; ++lane) {
      visit(lane);
    }
  }
}

std::uint32_t word(const RegisterFile& registers, Slot slot, std::uint32_t lane) {
  return *reinterpret_cast<const std::uint32_t*>(registers.of(slot, lane));
}

void put(const RegisterFile& registers, Slot slot, std::uint32_t lane, std::uint64_t value) {
  if (slot.width != 0) {
    std::memcpy(registers.of(slot, lane), &value, slot.width);
  }
}

struct Source {
  std::uint32_t lane = 0;  ///< in the warp
  bool in_range = false;
};

/// As the PTX manual has it: `clamp` holds the last lane to read in its low bits, and above them which bits of the lane's number name a
/// segment.
Source source_of(WarpMode mode, std::uint32_t self, std::uint32_t by, std::uint32_t clamp) {
  const std::uint32_t segment = (clamp >> 8U) & 31U;
  const std::uint32_t bound = clamp & 31U;
  const std::uint32_t first = self & segment;
  const std::uint32_t last = first | (bound & ~segment & 31U);
  const std::uint32_t moved = by & 31U;
  Source made;
  switch (mode) {
    case WarpMode::up:
      made.lane = self - moved;
      // The bound is the lowest lane here; a lane below 0 has wrapped around.
      made.in_range = static_cast<std::int32_t>(made.lane) >= static_cast<std::int32_t>(last);
      break;
    case WarpMode::down:
      made.lane = self + moved;
      made.in_range = made.lane <= last;
      break;
    case WarpMode::bfly:
      made.lane = self ^ moved;
      made.in_range = made.lane <= last;
      break;
    default:
      made.lane = first | (moved & ~segment & 31U);
      made.in_range = made.lane <= last;
      break;
  }
  if (!made.in_range) {
    made.lane = self;
  }
  return made;
}

void shuffle(const Exchange& exchange, const RegisterFile& registers, const LaneSet& lanes, const ExchangeTable& table) {
  for_each_lane(lanes, [&](std::uint32_t lane) {
    const std::uint32_t self = lane % kWarpLanes;
    const Source source = source_of(exchange.mode, self, word(registers, exchange.lane, lane), word(registers, exchange.clamp, lane));
    // Reading from a thread that takes no part gives no particular value: one's own here.
    const bool there = ((table.group[lane] >> source.lane) & 1U) != 0;
    put(registers, exchange.to, lane, table.value[there ? lane - self + source.lane : lane]);
    put(registers, exchange.predicate, lane, source.in_range ? 1 : 0);
  });
}

/// The lanes of a group whose predicate is set.
std::uint32_t ballot_of(std::uint32_t warp, std::uint32_t group, const ExchangeTable& table) {
  std::uint32_t set = 0;
  for (std::uint32_t rest = group; rest != 0; rest &= rest - 1) {
    const auto at = static_cast<std::uint32_t>(std::countr_zero(rest));
    set |= table.value[warp + at] != 0 ? 1U << at : 0U;
  }
  return set;
}

/// Calls `work` with each lane and what `of` answers for its warp and group, which is asked once for lanes that share it.
template <class Of, class Work>
void for_each_group(const LaneSet& lanes, const ExchangeTable& table, Of of, Work work) {
  std::uint32_t warp = ~0U;
  std::uint32_t group = 0;
  decltype(of(0U, 0U)) answer{};
  for_each_lane(lanes, [&](std::uint32_t lane) {
    const std::uint32_t own = lane / kWarpLanes * kWarpLanes;
    if (own != warp || table.group[lane] != group) {
      warp = own;
      group = table.group[lane];
      answer = of(warp, group);
    }
    work(lane, answer);
  });
}

void vote(const Exchange& exchange, const RegisterFile& registers, const LaneSet& lanes, const ExchangeTable& table) {
  for_each_group(
      lanes, table, [&](std::uint32_t warp, std::uint32_t group) { return ballot_of(warp, group, table); },
      [&](std::uint32_t lane, std::uint32_t set) {
        const bool all = set == table.group[lane];
        switch (exchange.mode) {
          case WarpMode::ballot:
            return put(registers, exchange.to, lane, set);
          case WarpMode::all:
            return put(registers, exchange.predicate, lane, all ? 1 : 0);
          case WarpMode::any:
            return put(registers, exchange.predicate, lane, set != 0 ? 1 : 0);
          default:
            return put(registers, exchange.predicate, lane, all || set == 0 ? 1 : 0);
        }
      });
}

void match(const Exchange& exchange, const RegisterFile& registers, const LaneSet& lanes, const ExchangeTable& table) {
  for_each_lane(lanes, [&](std::uint32_t lane) {
    const std::uint32_t warp = lane / kWarpLanes * kWarpLanes;
    std::uint32_t same = 0;
    for (std::uint32_t rest = table.group[lane]; rest != 0; rest &= rest - 1) {
      const auto at = static_cast<std::uint32_t>(std::countr_zero(rest));
      same |= table.value[warp + at] == table.value[lane] ? 1U << at : 0U;
    }
    const bool all = same == table.group[lane];
    put(registers, exchange.to, lane, exchange.mode == WarpMode::any || all ? same : 0);
    put(registers, exchange.predicate, lane, all ? 1 : 0);
  });
}

std::uint32_t reduced(Operation operation, bool is_signed, std::uint32_t a, std::uint32_t b) {
  const bool less = is_signed ? static_cast<std::int32_t>(a) < static_cast<std::int32_t>(b) : a < b;
  switch (operation) {
    case Operation::min:
      return less ? a : b;
    case Operation::max:
      return less ? b : a;
    case Operation::and_:
      return a & b;
    case Operation::or_:
      return a | b;
    case Operation::xor_:
      return a ^ b;
    default:
      return a + b;
  }
}

void reduce(const Exchange& exchange, const RegisterFile& registers, const LaneSet& lanes, const ExchangeTable& table) {
  const auto total = [&](std::uint32_t warp, std::uint32_t group) {
    auto made = static_cast<std::uint32_t>(table.value[warp + static_cast<std::uint32_t>(std::countr_zero(group))]);
    for (std::uint32_t rest = group & (group - 1); rest != 0; rest &= rest - 1) {
      const auto value = static_cast<std::uint32_t>(table.value[warp + static_cast<std::uint32_t>(std::countr_zero(rest))]);
      made = reduced(exchange.operation, is_signed(exchange.type), made, value);
    }
    return made;
  };
  for_each_group(lanes, table, total, [&](std::uint32_t lane, std::uint32_t value) { put(registers, exchange.to, lane, value); });
}

}  // namespace

void gather(const Exchange& exchange, const RegisterFile& registers, const LaneSet& lanes, ExchangeTable& table) {
  if (exchange.value.width == 0) {
    return;
  }
  for_each_lane(lanes, [&](std::uint32_t lane) {
    std::uint64_t value = 0;
    std::memcpy(&value, registers.of(exchange.value, lane), exchange.value.width);
    table.value[lane] = value;
  });
}

void hand_out(const Exchange& exchange, const RegisterFile& registers, const LaneSet& lanes, const ExchangeTable& table) {
  switch (exchange.kind) {
    case ExchangeKind::barrier:
      return;
    case ExchangeKind::shuffle:
      return shuffle(exchange, registers, lanes, table);
    case ExchangeKind::vote:
      return vote(exchange, registers, lanes, table);
    case ExchangeKind::match:
      return match(exchange, registers, lanes, table);
    case ExchangeKind::reduce:
      return reduce(exchange, registers, lanes, table);
    case ExchangeKind::elect:
      for_each_lane(lanes, [&](std::uint32_t lane) {
        const auto leader = static_cast<std::uint32_t>(std::countr_zero(table.group[lane]));
        put(registers, exchange.to, lane, leader);
        put(registers, exchange.predicate, lane, lane % kWarpLanes == leader ? 1 : 0);
      });
      return;
  }
}

bool meet(const Exchange& a, const Exchange& b) {
  return a.kind == b.kind && a.mode == b.mode && a.operation == b.operation && a.type == b.type;
}

void to_warp_masks(const LaneSet& lanes, std::vector<std::uint32_t>& masks) {
  masks.assign(lanes.empty() ? 0 : (lanes.last() + kWarpLanes - 1) / kWarpLanes, 0);
  for (const LaneRun& run : lanes.runs()) {
    for (std::uint32_t lane = run.first; lane < run.last;) {
      const std::uint32_t warp = lane / kWarpLanes;
      const std::uint32_t end = std::min(run.last, (warp + 1) * kWarpLanes);
      const std::uint32_t bits = end - lane == kWarpLanes ? ~0U : ((1U << (end - lane)) - 1U) << (lane % kWarpLanes);
      masks[warp] |= bits;
      lane = end;
    }
  }
}

}  // namespace sublet::cpu
