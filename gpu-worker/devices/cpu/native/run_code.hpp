#pragma once

// Writes the code of one trace.

#include <asmjit/x86.h>

#include "gpu-worker/devices/cpu/native/liveness.hpp"
#include "gpu-worker/devices/cpu/native/native_code.hpp"
#include "gpu-worker/devices/cpu/native/trace.hpp"

namespace sublet::cpu::native {

struct RunContext {
  const Program& program;
  const BlockShape& shape;
  const Shapes& at_entry;
};

/// Emits a whole function, `NativeRun::code`, into `code`.
/// @param live  what somebody may read behind the trace
void emit_run(asmjit::x86::Compiler& code, const RunContext& context, const Trace& trace, const SlotSet& live);

}  // namespace sublet::cpu::native
