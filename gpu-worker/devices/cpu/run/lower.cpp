#include "gpu-worker/devices/cpu/run/lower.hpp"

#include <algorithm>
#include <bit>
#include <utility>

#include <fmt/format.h>

#include "gpu-worker/devices/cpu/run/lowering.hpp"

namespace sublet::cpu {

namespace {

/// The register file of a block of 1024 threads then takes at most 128 MiB.
constexpr std::uint32_t kMaxRegisterBytes = 128U << 10U;

StepBlock end_of(const Kernel& kernel, const BasicBlock& block, Slots& slots) {
  StepBlock made{.taken = block.taken.value_or(kNoBlock), .next = block.next.value_or(kNoBlock), .join = block.join.value_or(kNoBlock)};
  if (block.first == block.last) {
    return made;
  }
  const Instruction& last = kernel.instructions[block.last - 1];
  made.line = last.line;
  if (last.guard) {
    made.conditional = true;
    made.negated = last.guard->negated;
    made.predicate = slots.of_register(last.guard->reg).unit;
  }
  switch (last.opcode) {
    case Opcode::bra:
      made.end = made.conditional ? EndKind::branch : EndKind::jump;
      break;
    case Opcode::ret:
    case Opcode::exit:
      made.end = EndKind::leave;
      break;
    case Opcode::trap:
      made.end = EndKind::trap;
      break;
    default:
      made.conditional = false;
      break;
  }
  return made;
}

}  // namespace

Result<Program> lower_kernel(Module& module, const Kernel& kernel, std::span<const std::uint64_t> variable_addresses, bool wide) {
  Program program;
  program.name = kernel.name;
  program.parameters = kernel.parameters;
  program.parameter_bytes = kernel.parameter_bytes;
  program.required_threads = kernel.required_threads;
  program.maximum_threads = kernel.maximum_threads;
  Slots slots(kernel, program);
  Lowering lowering({.module = module, .kernel = kernel, .variable_addresses = variable_addresses, .wide = wide}, program, slots);
  for (const BasicBlock& block : kernel.blocks) {
    const auto first = static_cast<std::uint32_t>(program.steps.size());
    for (std::uint32_t i = block.first; i < block.last; ++i) {
      lowering.lower(kernel.instructions[i]);
    }
    StepBlock made = end_of(kernel, block, slots);
    made.first = first;
    made.last = static_cast<std::uint32_t>(program.steps.size());
    program.blocks.push_back(made);
  }
  if (lowering.error()) {
    return std::unexpected(*lowering.error());
  }
  if (program.register_bytes > kMaxRegisterBytes) {
    return fail(ErrorCode::load_failed,
                fmt::format("kernel \"{}\" needs {} bytes of registers a thread, the cpu device has {}; split the kernel", kernel.name,
                            program.register_bytes, kMaxRegisterBytes));
  }
  return program;
}

}  // namespace sublet::cpu
