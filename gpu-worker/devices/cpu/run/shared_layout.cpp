#include "gpu-worker/devices/cpu/run/shared_layout.hpp"

#include <algorithm>

#include "gpu-worker/devices/cpu/ptx/declaration.hpp"

namespace sublet::cpu {

namespace {

void note(const std::vector<Operand>& operands, std::vector<bool>& named) {
  for (const Operand& operand : operands) {
    if (operand.kind == OperandKind::shared) {
      named[operand.index] = true;
    }
    note(operand.elements, named);
  }
}

}  // namespace

SharedLayout lay_out_shared(const Module& module, std::span<const Kernel* const> bodies) {
  SharedLayout made;
  made.offsets.resize(module.shared.size());
  if (module.shared.empty()) {
    return made;
  }
  std::vector<bool> named(module.shared.size(), false);
  for (const Kernel* const body : bodies) {
    for (const Instruction& instruction : body->instructions) {
      note(instruction.operands, named);
    }
    for (const CallOperands& call : body->calls) {
      note(call.arguments, named);
    }
  }
  std::uint32_t dynamic_align = 1;
  for (std::size_t i = 0; i < named.size(); ++i) {
    const SharedVariable& variable = module.shared[i];
    if (named[i] && variable.dynamic) {
      dynamic_align = std::max(dynamic_align, variable.align);
    } else if (named[i]) {
      made.bytes = aligned_up(made.bytes, std::max(variable.align, 1U));
      made.offsets[i] = static_cast<std::uint32_t>(made.bytes);
      made.bytes += variable.size;
    }
  }
  made.bytes = aligned_up(made.bytes, dynamic_align);
  for (std::size_t i = 0; i < named.size(); ++i) {
    if (module.shared[i].dynamic) {
      made.offsets[i] = static_cast<std::uint32_t>(made.bytes);
    }
  }
  return made;
}

}  // namespace sublet::cpu
