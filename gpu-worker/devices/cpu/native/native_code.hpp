#pragma once

// Machine code for runs of a program's steps. The interpreter is what says how it has to end: code either does all that its steps would
// have done to all threads of a block, or nothing at all, and then the interpreter does it.

#include <cstdint>
#include <memory>
#include <vector>

#include "gpu-worker/devices/cpu/run/memory_access.hpp"
#include "gpu-worker/devices/cpu/run/program.hpp"

namespace sublet::cpu {

/// What code is given of the block that runs.
struct NativeCall {
  RegisterFile registers;
  const BlockMemory* memory = nullptr;
  const Access* accesses = nullptr;
  MemoryRange* last_hits = nullptr;  ///< one for each access
};

/// Steps that were joined.
struct NativeRun {
  /// Not 0 when it did them; 0 when it did nothing.
  std::uint32_t (*code)(const NativeCall* call) = nullptr;
  /// Where the threads are then.
  std::uint32_t end_block = 0;
  std::uint32_t end_step = 0;
  std::uint32_t steps = 0;   ///< that it does
  std::uint32_t blocks = 0;  ///< whose ends it passes
};

/// Where code is kept, for as long as this lives. No address of it can be both written to and run.
class CodeMemory {
 public:
  CodeMemory();
  ~CodeMemory();
  CodeMemory(const CodeMemory&) = delete;
  CodeMemory& operator=(const CodeMemory&) = delete;

  struct Runtime;
  [[nodiscard]] Runtime& runtime() { return *runtime_; }

 private:
  std::unique_ptr<Runtime> runtime_;
};

/// The code of one program for blocks of one shape.
class NativeProgram {
 public:
  /// The run that begins with `step`, or null.
  [[nodiscard]] const NativeRun* at(std::uint32_t step) const { return places_[step].run == kNone ? nullptr : &runs_[places_[step].run]; }
  /// The first step behind `step` with which a run begins; behind all steps when there is none.
  [[nodiscard]] std::uint32_t next_after(std::uint32_t step) const { return places_[step].next; }
  [[nodiscard]] std::size_t index_of(const NativeRun& run) const { return static_cast<std::size_t>(&run - runs_.data()); }
  [[nodiscard]] const std::vector<NativeRun>& runs() const { return runs_; }

  void add(std::uint32_t step, const NativeRun& run);
  /// Between the last `add` and the first use.
  void finish();
  explicit NativeProgram(std::size_t steps) : places_(steps) {}

 private:
  static constexpr std::uint32_t kNone = ~0U;
  struct Place {
    std::uint32_t run = kNone;
    std::uint32_t next = kNone;
  };
  std::vector<Place> places_;
  std::vector<NativeRun> runs_;
};

/// What code is made for: blocks of `threads`, whose register files have room for `capacity`, of one dimension if `line`.
struct BlockShape {
  std::uint32_t threads = 0;
  std::uint32_t capacity = 0;
  bool line = false;

  auto operator<=>(const BlockShape&) const = default;
};

/// Makes code for those of the program's steps that it knows. Takes some milliseconds for a thousand steps; is bounded in size.
NativeProgram generate(const Program& program, const BlockShape& shape, CodeMemory& memory);

/// Whether this machine runs such code.
bool can_run_native();

}  // namespace sublet::cpu
