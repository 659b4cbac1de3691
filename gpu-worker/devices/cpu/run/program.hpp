#pragma once

// A kernel made ready to run on one machine: names are gone, every step knows its function and where its lanes' values stand.

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "gpu-worker/devices/cpu/ptx/ir.hpp"
#include "gpu-worker/devices/cpu/run/lane_op.hpp"

namespace sublet::cpu {

/// Where a register stands: the block's register file holds, from `unit` times its capacity of lanes, one value of `width` bytes a lane.
struct Slot {
  std::uint32_t unit = 0;
  std::uint32_t width = 0;

  bool operator==(const Slot&) const = default;
};

enum class StepKind : std::uint8_t { lanes, load, store, time };

struct Step {
  StepKind kind = StepKind::lanes;
  /// How the processor rounds while the function runs; `none` stands for .rn.
  Rounding rounding = Rounding::none;
  bool guarded = false;
  bool guard_negated = false;
  SpecialRegister time = SpecialRegister::clock64;
  std::uint32_t access = 0;  ///< into Program::accesses
  std::uint32_t guard = 0;   ///< the unit of a predicate
  std::uint32_t line = 0;
  LaneOp op = nullptr;
  Slot to = {};
  Slot a = {};
  Slot b = {};
  Slot c = {};
};

/// What a load or a store moves: `count` elements of `type` at the address in `address`, or at `offset` alone.
struct Access {
  Type type = Type::none;
  std::uint32_t count = 1;
  std::optional<Slot> address;
  std::uint64_t offset = 0;
  /// An element of width 0 is not wanted.
  std::array<Slot, 4> elements = {};
};

/// How a block of steps ends.
enum class EndKind : std::uint8_t {
  go_on,   ///< at `next`
  jump,    ///< to `taken`
  branch,  ///< threads whose predicate is set to `taken`, the others to `next`
  leave,   ///< the kernel; with a predicate only threads where it is set, the others go on
  trap,    ///< the same, as a fault
};

inline constexpr std::uint32_t kNoBlock = ~0U;

struct StepBlock {
  std::uint32_t first = 0;
  std::uint32_t last = 0;
  EndKind end = EndKind::go_on;
  bool conditional = false;
  bool negated = false;
  std::uint32_t predicate = 0;  ///< its unit
  std::uint32_t taken = kNoBlock;
  std::uint32_t next = kNoBlock;
  std::uint32_t join = kNoBlock;
  std::uint32_t line = 0;
};

/// A value that is the same in all lanes for a whole launch.
struct Constant {
  Slot slot;
  std::uint64_t bits = 0;
};

/// A parameter's bytes, widened to its slot.
struct ParameterLoad {
  Slot slot;
  std::uint32_t offset = 0;
  Type type = Type::none;
};

struct SpecialLoad {
  Slot slot;
  SpecialRegister special = SpecialRegister::tid_x;
};

struct Program {
  std::string name;
  std::vector<Parameter> parameters;
  std::uint32_t parameter_bytes = 0;
  std::optional<std::array<std::uint32_t, 3>> required_threads;
  std::optional<std::array<std::uint32_t, 3>> maximum_threads;

  /// Bytes of registers that one thread takes.
  std::uint32_t register_bytes = 0;
  std::vector<Constant> constants;
  std::vector<ParameterLoad> parameter_loads;
  std::vector<SpecialLoad> launch_specials;  ///< the same for every block
  std::vector<SpecialLoad> block_specials;   ///< %ctaid
  /// Steps whose results are the same for every block; run once per launch.
  std::vector<Step> prologue;
  std::vector<Step> steps;
  std::vector<Access> accesses;
  std::vector<StepBlock> blocks;
};

}  // namespace sublet::cpu
