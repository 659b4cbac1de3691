#include <algorithm>

#include <fmt/format.h>

#include "gpu-worker/devices/cpu/run/lowering.hpp"

namespace sublet::cpu {

std::uint32_t frame_size(const Kernel& kernel) { return (kernel.frame_bytes + 15U) / 16 * 16; }

/// A value in the frame of what runs, or of what it calls, which begins right behind.
void Lowering::add_access(StepKind kind, Type type, std::uint64_t offset, Slot value) {
  Access made{.type = type, .space = Space::local, .address = {}, .offset = offset};
  if (context_.self != kNoFunction) {
    made.address = program_.frame;
  }
  made.elements[0] = value;
  made_.push_back(Step{.kind = kind, .access = static_cast<std::uint32_t>(program_.accesses.size())});
  program_.accesses.push_back(made);
}

void Lowering::copy_frame(std::uint64_t to, std::uint64_t from, std::uint32_t bytes) {
  for (std::uint32_t at = 0; at < bytes;) {
    std::uint32_t width = 8;
    while (width > bytes - at || (to + at) % width != 0 || (from + at) % width != 0) {
      width /= 2;
    }
    const Slot value = slots_.scratch(width);
    add_access(StepKind::load, unsigned_of(width), from + at, value);
    add_access(StepKind::store, unsigned_of(width), to + at, value);
    slots_.release_scratch();
    at += width;
  }
}

/// What a call passes: the content of a .param variable, or a register or a number as it is.
Slot Lowering::argument(const Operand& operand, Type type) {
  if (operand.kind != OperandKind::local) {
    return read(operand, type, false);
  }
  const Local& local = context_.kernel.locals[operand.index];
  if (local.size != width_of(type)) {
    fail("an argument of another size than the function's parameter");
    return {.unit = 0, .width = width_of(type)};
  }
  const Slot value = slots_.scratch(width_of(type));
  add_access(StepKind::load, type, local.offset, value);
  return value;
}

void Lowering::call() {
  const CallOperands& call = context_.kernel.calls[*current_->call];
  movable_ = false;
  const Signature* signature = nullptr;
  if (call.indirect) {
    signature = &context_.kernel.prototypes[call.signature];
  } else {
    const Function& callee = context_.module.functions[call.callee];
    if (!callee.defined) {
      return built_in(call, callee) ? void()
                                    : unsupported(fmt::format("function \"{}\" that another module defines", callee.name.substr(0, 80)));
    }
    signature = &callee.signature;
  }
  if (call.arguments.size() != signature->arguments.size() || call.results.size() != signature->results.size()) {
    return fail("a call with another number of arguments or results than the function has");
  }
  const std::uint32_t frame = frame_size(context_.kernel);
  for (std::size_t i = 0; i < call.arguments.size() && !refused_; ++i) {
    pass(call.arguments[i], signature->arguments[i], frame);
  }
  Call made{.target = {}, .frame_bytes = frame, .caller = context_.self};
  if (call.indirect) {
    made.target = read(Operand{.kind = OperandKind::reg, .index = call.callee, .elements = {}}, Type::u64, false);
  } else {
    made.function = context_.program_functions[call.callee];
  }
  move_frame(Lane::add, frame);
  end_ = {.kind = EndKind::call, .detail = static_cast<std::uint32_t>(program_.calls.size())};
  program_.calls.push_back(made);
}

void Lowering::pass(const Operand& argument, const Local& formal, std::uint32_t frame) {
  if (argument.kind == OperandKind::local) {
    const Local& local = context_.kernel.locals[argument.index];
    if (local.size != formal.size) {
      return fail("an argument of another size than the function's parameter");
    }
    return copy_frame(frame + formal.offset, local.offset, formal.size);
  }
  if (formal.size != 1 && formal.size != 2 && formal.size != 4 && formal.size != 8) {
    return fail("a value for a parameter that is an array");
  }
  const Type type = unsigned_of(formal.size);
  const Slot value = read(argument, type, true);
  add_access(StepKind::store, type, frame + formal.offset, value);
}

/// The frame of what runs begins so much further on, or back again.
void Lowering::move_frame(Lane lane, std::uint32_t bytes) {
  emit({.lane = lane, .type = Type::u64, .modifiers = {}}, *program_.frame, *program_.frame, slots_.constant(bytes, 8));
}

void Lowering::lower_results(const Instruction& instruction) {
  current_ = &instruction;
  made_.clear();
  after_.clear();
  destinations_.clear();
  refused_ = false;
  movable_ = false;
  slots_.release_scratch();
  const CallOperands& call = context_.kernel.calls[*instruction.call];
  const Signature& signature =
      call.indirect ? context_.kernel.prototypes[call.signature] : context_.module.functions[call.callee].signature;
  const std::uint32_t frame = frame_size(context_.kernel);
  move_frame(Lane::sub, frame);
  for (std::size_t i = 0; i < call.results.size() && !refused_; ++i) {
    const Local& formal = signature.results[i];
    const Operand& result = call.results[i];
    if (result.kind == OperandKind::local) {
      const Local& local = context_.kernel.locals[result.index];
      if (local.size != formal.size) {
        fail("a result of another size than the function's");
        break;
      }
      copy_frame(local.offset, frame + formal.offset, formal.size);
    } else if (result.kind != OperandKind::sink) {
      const Slot into = write(result, unsigned_of(formal.size), false);
      add_access(StepKind::load, unsigned_of(formal.size), frame + formal.offset, into);
    }
  }
  if (!refused_) {
    finish_steps();
  }
}

/// The functions that the card's runtime brings along. False when this is none of them.
bool Lowering::built_in(const CallOperands& call, const Function& callee) {
  if (callee.name == "vprintf" && call.arguments.size() == 2 && call.results.size() <= 1) {
    const Slot format = argument(call.arguments[0], Type::u64);
    const Slot values = argument(call.arguments[1], Type::u64);
    const Slot count = slots_.scratch(4);
    made_.push_back(Step{.kind = StepKind::print, .to = count, .a = format, .b = values});
    if (!call.results.empty() && call.results[0].kind == OperandKind::local) {
      add_access(StepKind::store, Type::u32, context_.kernel.locals[call.results[0].index].offset, count);
    } else if (!call.results.empty()) {
      emit({.lane = Lane::copy, .type = Type::u32, .from = Type::u32, .modifiers = {}}, write(call.results[0], Type::u32, false), count);
    }
    return true;
  }
  if (callee.name == "__assertfail" && call.arguments.size() == 5 && call.results.empty()) {
    const Slot message = argument(call.arguments[0], Type::u64);
    const Slot file = argument(call.arguments[1], Type::u64);
    const Slot line = argument(call.arguments[2], Type::u32);
    const Slot function = argument(call.arguments[3], Type::u64);
    made_.push_back(Step{.kind = StepKind::assertion, .a = message, .b = file, .c = function, .line_slot = line});
    return true;
  }
  return false;
}

}  // namespace sublet::cpu
