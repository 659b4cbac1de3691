#include "gpu-worker/devices/cpu/native/run_code.hpp"

#include "gpu-worker/devices/cpu/native/lane_code.hpp"
#include "gpu-worker/devices/cpu/native/scalar_code.hpp"

namespace sublet::cpu::native {

void emit_run(asmjit::x86::Compiler& code, const RunContext& context, const Trace& trace, const SlotSet& live) {
  asmjit::FuncNode* const function = code.addFunc(asmjit::FuncSignatureT<std::uint32_t, const void*>());
  function->frame().setAvxEnabled();
  function->frame().setAvxCleanup();
  const asmjit::x86::Gp call = code.newUIntPtr();
  const asmjit::x86::Gp done = code.newUInt32();
  const asmjit::Label give_up = code.newLabel();
  function->setArg(0, call);

  // Whatever may make the run impossible comes before all that it does.
  ScalarCode scalars(code, context, call, give_up);
  std::vector<asmjit::x86::Gp> results(trace.items.size());
  for (std::size_t i = 0; i < trace.items.size(); ++i) {
    const Item& item = trace.items[i];
    scalars.emit(item);
    if (item.kind == Item::Kind::scalar) {
      results[i] = scalars.first_lane(context.program.steps[item.step].to);
    }
  }
  scalars.emit_apart();
  LaneCode(code, context, scalars, results).emit(trace, live);
  code.mov(done, 1);
  code.ret(done);
  code.bind(give_up);
  code.xor_(done, done);
  code.ret(done);
  code.endFunc();
}

}  // namespace sublet::cpu::native
