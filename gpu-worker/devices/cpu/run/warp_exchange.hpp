#pragma once

#include <array>
#include <cstdint>
#include <vector>

#include "gpu-worker/devices/cpu/run/lane_set.hpp"
#include "gpu-worker/devices/cpu/run/memory_access.hpp"
#include "gpu-worker/devices/cpu/run/program.hpp"

namespace sublet::cpu {

inline constexpr std::uint32_t kWarpLanes = 32;

/// What the threads of a block bring to an exchange: what each gives, and with whom in its warp it takes part.
struct ExchangeTable {
  std::array<std::uint64_t, 1024> value;
  std::array<std::uint32_t, 1024> group;
};

/// Notes what `lanes` give to `exchange`.
void gather(const Exchange& exchange, const RegisterFile& registers, const LaneSet& lanes, ExchangeTable& table);

/// Writes what `lanes` get, once everybody in their groups has given.
void hand_out(const Exchange& exchange, const RegisterFile& registers, const LaneSet& lanes, const ExchangeTable& table);

/// Whether two instructions are the same to the warp, wherever they stand.
bool meet(const Exchange& a, const Exchange& b);

/// One bit for each lane of `lanes`, a word for each warp.
void to_warp_masks(const LaneSet& lanes, std::vector<std::uint32_t>& masks);

}  // namespace sublet::cpu
