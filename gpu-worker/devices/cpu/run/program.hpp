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

enum class StepKind : std::uint8_t { lanes, load, store, atomic, time, fence, active_mask, print, assertion };

struct Step {
  StepKind kind = StepKind::lanes;
  /// How the processor rounds while the function runs; `none` stands for .rn.
  Rounding rounding = Rounding::none;
  bool guarded = false;
  bool guard_negated = false;
  SpecialRegister time = SpecialRegister::clock64;
  std::uint32_t access = 0;  ///< into Program::accesses, or atomics
  std::uint32_t guard = 0;   ///< the unit of a predicate
  std::uint32_t line = 0;
  StepForm form = {};  ///< of `op`
  LaneOp op = nullptr;
  Slot to = {};
  Slot a = {};
  Slot b = {};
  Slot c = {};
  Slot line_slot = {};  ///< of an assertion: the line of its source
};

/// What a load or a store moves: `count` elements of `type` at the address in `address`, or at `offset` alone.
struct Access {
  Type type = Type::none;
  std::uint32_t count = 1;
  Space space = Space::generic;
  bool ordered = false;  ///< other blocks may be looking at it
  /// Of 8 bytes, or of 4 for shared and local memory.
  std::optional<Slot> address;
  std::uint64_t offset = 0;
  /// An element of width 0 is not wanted.
  std::array<Slot, 4> elements = {};
};

/// A read, a change and a write that no other access comes between.
struct Atomic {
  Operation operation = Operation::none;
  Type type = Type::none;
  Space space = Space::generic;
  std::optional<Slot> address;
  std::uint64_t offset = 0;
  Slot to = {};  ///< what was there before; of width 0 when it is not wanted
  Slot a = {};
  Slot b = {};  ///< cas only: what is written when `a` was there
};

enum class ExchangeKind : std::uint8_t { barrier, shuffle, vote, match, reduce, elect };

/// What the threads of a warp do together.
struct Exchange {
  ExchangeKind kind = ExchangeKind::barrier;
  WarpMode mode = WarpMode::none;
  Operation operation = Operation::none;
  Type type = Type::none;
  Slot to = {};         ///< of width 0 when it is not wanted
  Slot predicate = {};  ///< likewise
  Slot value = {};
  Slot lane = {};  ///< shuffle: which one, and its clamp
  Slot clamp = {};
  Slot mask = {};  ///< the lanes that take part
};

/// bar.sync, bar.arrive and bar.red.
struct Barrier {
  BarrierMode mode = BarrierMode::sync;
  Operation operation = Operation::none;
  Slot number = {};
  std::optional<Slot> threads;  ///< all of the block when there is none
  Slot to = {};
  Slot predicate = {};
};

/// A function is called, whose frame then begins `frame_bytes` behind the caller's.
struct Call {
  std::optional<Slot> target;  ///< its address; otherwise `function`
  std::uint32_t function = 0;  ///< into Program::functions
  std::uint32_t frame_bytes = 0;
  std::uint32_t caller = 0;  ///< into Program::functions, or kNoFunction
};

/// How a block of steps ends.
enum class EndKind : std::uint8_t {
  go_on,      ///< at `next`
  jump,       ///< to `taken`
  branch,     ///< threads whose predicate is set to `taken`, the others to `next`
  leave,      ///< the kernel; with a predicate only threads where it is set, the others go on
  give_back,  ///< the same, to where the function was called
  trap,       ///< the same, as a fault
  exchange,   ///< with the threads of the warp, then to `next`
  barrier,    ///< with the threads of the block, then to `next`
  call,       ///< a function, then to `next`
};

inline constexpr std::uint32_t kNoBlock = ~0U;
inline constexpr std::uint32_t kNoFunction = ~0U;

struct StepBlock {
  std::uint32_t first = 0;
  std::uint32_t last = 0;
  EndKind end = EndKind::go_on;
  bool conditional = false;
  bool negated = false;
  /// Has an access that may wait for another thread: who runs it again and again should let others run.
  bool may_spin = false;
  std::uint32_t detail = 0;     ///< into Program::exchanges, barriers or calls
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

/// A function as one kernel calls it.
struct ProgramFunction {
  std::string name;
  std::uint32_t entry = 0;   ///< its first block
  std::uint32_t number = 0;  ///< in the module: its address
  std::uint32_t frame_bytes = 0;
  /// What a call of it while it runs must keep: empty when there can be none.
  std::vector<Slot> kept;
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
  std::vector<Atomic> atomics;
  std::vector<Exchange> exchanges;
  std::vector<Barrier> barriers;
  std::vector<Call> calls;
  std::vector<ProgramFunction> functions;
  /// Where the frame of the function that runs begins in local memory, of 8 bytes; a kernel without calls has none.
  std::optional<Slot> frame;
  std::uint32_t frame_bytes = 0;   ///< the kernel's own
  std::uint32_t local_bytes = 0;   ///< that a thread may use
  std::uint32_t shared_bytes = 0;  ///< that a block has besides what the launch gives it
  std::vector<StepBlock> blocks;
};

}  // namespace sublet::cpu
