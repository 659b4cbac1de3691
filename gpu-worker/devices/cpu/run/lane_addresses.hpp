#pragma once

#include <array>
#include <cstdint>
#include <optional>

#include "gpu-worker/devices/cpu/run/lane_op.hpp"
#include "gpu-worker/devices/cpu/run/memory_access.hpp"

namespace sublet::cpu {

/// What an instruction says of its address: `offset` behind what stands in `base`, or `offset` alone.
struct AddressOperand {
  const std::optional<Slot>& base;
  std::uint64_t offset = 0;
};

inline std::uint64_t address_of(const AddressOperand& operand, const RegisterFile& registers, std::uint32_t lane) {
  if (!operand.base) {
    return operand.offset;
  }
  const std::byte* const at = registers.of(*operand.base, lane);
  return operand.base->width == 8 ? *reinterpret_cast<const std::uint64_t*>(at) + operand.offset
                                  : static_cast<std::uint32_t>(*reinterpret_cast<const std::uint32_t*>(at) + operand.offset);
}

/// The most threads of a block, rounded up as a register file is.
inline constexpr std::uint32_t kMostLanes = 1024;

/// The addresses of a run of lanes, looked at together.
class LaneAddresses {
 public:
  /// Each lane accesses `bytes`, so lanes whose addresses are so far apart are neighbours.
  LaneAddresses(const AddressOperand& operand, const RegisterFile& registers, LaneRun run, const BlockMemory& memory, std::uint32_t bytes);

  /// Whether they lie close enough to each other for what follows to hold.
  [[nodiscard]] bool near() const { return survey_.near; }
  [[nodiscard]] std::uint64_t low() const { return first_ + static_cast<std::uint64_t>(std::int64_t{survey_.low}); }
  /// From the lowest to the highest.
  [[nodiscard]] std::uint64_t span() const { return static_cast<std::uint64_t>(std::int64_t{survey_.high} - survey_.low); }
  [[nodiscard]] bool aligned(std::uint32_t bytes) const { return survey_.bits % bytes == 0; }
  /// The bytes from the lowest to the first lane's.
  [[nodiscard]] std::uint64_t before_first() const { return static_cast<std::uint64_t>(-std::int64_t{survey_.low}); }
  /// The bytes from the first lane's to each lane's, and what groups of lanes have in common. Only where they are not all the same.
  [[nodiscard]] const std::int32_t* behind() const { return behind_.data(); }
  [[nodiscard]] const LaneGroup* groups() const { return groups_.data(); }

 private:
  std::uint64_t first_;
  AddressSurvey survey_;
  // Written as far as there are lanes.
  std::array<std::int32_t, kMostLanes> behind_;
  std::array<LaneGroup, kMostLanes / kGroupLanes> groups_;
};

}  // namespace sublet::cpu
