#include "gpu-worker/devices/cpu/native/native_code.hpp"

#include <algorithm>

#include <asmjit/x86.h>

#include "gpu-worker/devices/cpu/native/liveness.hpp"
#include "gpu-worker/devices/cpu/native/run_code.hpp"
#include "gpu-worker/devices/cpu/native/shape.hpp"
#include "gpu-worker/devices/cpu/native/trace.hpp"

namespace sublet::cpu {

namespace {

/// The same memory in two places: one to write to, one to run.
asmjit::JitAllocator::CreateParams two_mappings() {
  asmjit::JitAllocator::CreateParams made;
  made.options = asmjit::JitAllocatorOptions::kUseDualMapping;
  return made;
}

}  // namespace

struct CodeMemory::Runtime {
  asmjit::JitAllocator::CreateParams parameters = two_mappings();
  asmjit::JitRuntime jit{&parameters};
};

CodeMemory::CodeMemory() : runtime_(std::make_unique<Runtime>()) {}
CodeMemory::~CodeMemory() = default;

namespace {

/// A run of fewer items than this is not worth a call.
constexpr std::size_t kLeastItems = 2;
/// Of one program for one shape: so many take about a tenth of a second.
constexpr std::size_t kMostItemsOfProgram = 2048;
constexpr std::size_t kMostRuns = 512;
constexpr std::uint32_t kMostRegisterBytes = 8192;
constexpr std::uint32_t kLanesAtOnce = 8;

class Generator {
 public:
  Generator(const Program& program, const BlockShape& shape, CodeMemory& memory)
      : program_(program),
        shape_(shape),
        memory_(memory),
        at_entry_(native::shapes_at_entry(program, shape.line)),
        liveness_(program),
        made_(program.steps.size()) {}

  NativeProgram generate() {
    for (std::uint32_t block = 0; block < program_.blocks.size(); ++block) {
      std::uint32_t at = program_.blocks[block].first;
      while (at < program_.blocks[block].last) {
        if (items_ >= kMostItemsOfProgram || made_.runs().size() >= kMostRuns) {
          made_.finish();
          return std::move(made_);
        }
        at = from(block, at);
      }
    }
    made_.finish();
    return std::move(made_);
  }

 private:
  /// Makes the run that begins there. @return the next step of the block where one may begin
  std::uint32_t from(std::uint32_t block, std::uint32_t step) {
    const native::Trace trace = native::trace_from(program_, at_entry_, block, step);
    if (trace.items.size() >= kLeastItems) {
      if (const auto code = compile(trace)) {
        made_.add(step,
                  {.code = code, .end_block = trace.end_block, .end_step = trace.end_step, .steps = trace.steps, .blocks = trace.blocks});
        items_ += trace.items.size();
      }
    }
    // An access whose lanes turn out to be no row is the interpreter's, and what follows it is not.
    if (trace.steps == 0 || trace.begins_with_access) {
      return step + 1;
    }
    return trace.end_block == block ? trace.end_step : program_.blocks[block].last;
  }

  decltype(NativeRun::code) compile(const native::Trace& trace) {
    asmjit::CodeHolder holder;
    holder.init(memory_.runtime().jit.environment());
    asmjit::x86::Compiler code(&holder);
    native::emit_run(code, {.program = program_, .shape = shape_, .at_entry = at_entry_}, trace,
                     liveness_.before(trace.end_block, trace.end_step));
    decltype(NativeRun::code) made = nullptr;
    if (code.finalize() != asmjit::kErrorOk || memory_.runtime().jit.add(&made, &holder) != asmjit::kErrorOk) {
      return nullptr;
    }
    return made;
  }

  const Program& program_;
  BlockShape shape_;
  CodeMemory& memory_;
  native::Shapes at_entry_;
  native::Liveness liveness_;
  NativeProgram made_;
  std::size_t items_ = 0;
};

}  // namespace

void NativeProgram::add(std::uint32_t step, const NativeRun& run) {
  places_[step].run = static_cast<std::uint32_t>(runs_.size());
  runs_.push_back(run);
}

void NativeProgram::finish() {
  std::uint32_t next = kNone;
  for (std::size_t i = places_.size(); i-- > 0;) {
    places_[i].next = next;
    if (places_[i].run != kNone) {
      next = static_cast<std::uint32_t>(i);
    }
  }
}

NativeProgram generate(const Program& program, const BlockShape& shape, CodeMemory& memory) {
  const bool possible =
      shape.threads % kLanesAtOnce == 0 && program.register_bytes <= kMostRegisterBytes && native::Liveness::is_small_enough(program);
  if (!possible) {
    return NativeProgram(program.steps.size());
  }
  return Generator(program, shape, memory).generate();
}

bool can_run_native() { return has_wide_lanes(); }

}  // namespace sublet::cpu
