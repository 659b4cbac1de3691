#include "gpu-worker/devices/cpu/run/lowering.hpp"

#include <algorithm>
#include <bit>
#include <utility>

#include <fmt/format.h>

#include "gpu-worker/devices/cpu/run/address_space.hpp"

namespace sublet::cpu {

namespace {

Type signed_of(std::uint32_t width) {
  switch (width) {
    case 1:
      return Type::s8;
    case 2:
      return Type::s16;
    case 4:
      return Type::s32;
    default:
      return Type::s64;
  }
}

}  // namespace

// Errors.

void Lowering::fail(std::string what) {
  refused_ = true;
  if (!error_) {
    error_ = Error{.code = ErrorCode::load_failed,
                   .detail = fmt::format("{} in {} (kernel \"{}\", line {})", what, current_->text.substr(0, 80), context_.kernel.name,
                                         current_->line)};
  }
}

void Lowering::unsupported() { unsupported(fmt::format("opcode {}", current_->text.substr(0, 80))); }

void Lowering::unsupported(std::string what) {
  if (!refused_) {
    context_.module.refuse({.what = std::move(what), .kernel = context_.kernel.name, .line = current_->line});
  }
  refused_ = true;
}

bool Lowering::expect_operands(std::size_t least, std::size_t most) {
  const std::size_t count = current_->operands.size();
  if (count < least || count > most) {
    fail(fmt::format("{} operands where {} are wanted", count, least));
    return false;
  }
  const bool may_pair = current_->opcode == Opcode::setp || (suspends(current_->opcode) && current_->opcode != Opcode::bar);
  if (current_->pair && !may_pair) {
    fail("\"|\" between operands");
    return false;
  }
  return true;
}

// Operands.

Slot Lowering::read(std::size_t i, Type type, bool narrow) { return read(operand(i), type, narrow); }

Slot Lowering::read(const Operand& operand, Type type, bool narrow) {
  if (operand.address) {
    fail("an address where a value is wanted");
    return {.unit = 0, .width = width_of(type)};
  }
  switch (operand.kind) {
    case OperandKind::reg:
      return read_register(operand, type, narrow);
    case OperandKind::special:
      return read_special(operand, type);
    case OperandKind::integer:
    case OperandKind::float32:
    case OperandKind::float64:
      return read_immediate(operand, type);
    case OperandKind::variable:
      if (width_of(type) == 8) {
        return slots_.constant(context_.variable_addresses[operand.index], 8);
      }
      break;
    case OperandKind::shared:
      if (width_of(type) >= 4) {
        return slots_.constant(context_.shared_offsets[operand.index], width_of(type));
      }
      break;
    case OperandKind::local:
      if (width_of(type) >= 4) {
        return address_of_local(context_.kernel.locals[operand.index], width_of(type));
      }
      break;
    case OperandKind::function:
      if (width_of(type) == 8) {
        return slots_.constant(kFunctionWindow + operand.index * kFunctionStride, 8);
      }
      break;
    case OperandKind::parameter:
      if (width_of(type) == 8) {
        return slots_.constant(kParameterWindow + context_.kernel.parameters[operand.index].offset, 8);
      }
      break;
    default:
      break;
  }
  fail("an operand that cannot be read as a value");
  return {.unit = 0, .width = width_of(type)};
}

/// In a function it lies in the frame, whose place differs from call to call. What is in .param space is addressed in the generic window.
Slot Lowering::address_of_local(const Local& local, std::uint32_t width) {
  const std::uint64_t offset = local.offset + (local.is_parameter ? kLocalWindow : 0);
  if (context_.self == kNoFunction) {
    return slots_.constant(offset, width);
  }
  movable_ = false;
  note_source(Lifetime::changing);
  const Slot sum = slots_.scratch(8);
  emit({.lane = Lane::add, .type = Type::u64, .modifiers = {}}, sum, *program_.frame, slots_.constant(offset, 8));
  if (width == 8) {
    return sum;
  }
  const Slot low = slots_.scratch(4);
  emit({.lane = Lane::copy, .type = Type::u32, .from = Type::u64, .modifiers = {}}, low, sum);
  return low;
}

Slot Lowering::read_register(const Operand& operand, Type type, bool narrow) {
  const Register& reg = context_.kernel.registers[operand.index];
  note_source(slots_.lifetime_of_register(operand.index));
  const Slot slot = slots_.of_register(operand.index);
  const std::uint32_t wanted = width_of(type);
  if ((reg.type == Type::pred) != (type == Type::pred) || slot.width < wanted || (slot.width > wanted && !narrow)) {
    fail(fmt::format("a register of type {} where {} is wanted", name_of(reg.type), name_of(type)));
    return {.unit = 0, .width = wanted};
  }
  if (operand.negated) {
    const Slot inverted = slots_.scratch(1);
    emit({.lane = Lane::not_, .type = Type::pred, .modifiers = {}}, inverted, slot);
    return inverted;
  }
  if (slot.width == wanted) {
    return slot;
  }
  const Slot low = slots_.scratch(wanted);
  emit({.lane = Lane::copy, .type = unsigned_of(wanted), .from = unsigned_of(slot.width), .modifiers = {}}, low, slot);
  return low;
}

Slot Lowering::read_special(const Operand& operand, Type type) {
  const auto special = static_cast<SpecialRegister>(operand.index);
  const std::uint32_t wanted = width_of(type);
  Slot slot;
  if (is_time(special)) {
    movable_ = false;
    note_source(Lifetime::changing);
    slot = slots_.scratch(width_of(type_of(special)));
    made_.push_back(Step{.kind = StepKind::time, .time = special, .to = slot});
  } else {
    note_source(lifetime_of(special));
    slot = slots_.special(special);
  }
  if (slot.width == wanted) {
    return slot;
  }
  const Slot resized = slots_.scratch(wanted);
  emit({.lane = Lane::copy, .type = unsigned_of(wanted), .from = unsigned_of(slot.width), .modifiers = {}}, resized, slot);
  return resized;
}

Slot Lowering::read_immediate(const Operand& operand, Type type) {
  std::uint64_t bits = operand.bits;
  if (type == Type::f32 && operand.kind == OperandKind::float64) {
    bits = std::bit_cast<std::uint32_t>(static_cast<float>(std::bit_cast<double>(bits)));
  } else if (type == Type::f64 && operand.kind == OperandKind::float32) {
    bits = std::bit_cast<std::uint64_t>(static_cast<double>(std::bit_cast<float>(static_cast<std::uint32_t>(bits))));
  } else if (is_float(type) && operand.kind == OperandKind::integer) {
    fail("a whole number where a float is wanted");
  } else if (type == Type::pred) {
    bits = bits != 0 ? 1 : 0;
  }
  const std::uint32_t width = width_of(type);
  return slots_.constant(width == 8 ? bits : bits & ((1ULL << (width * 8)) - 1), width);
}

Slot Lowering::write(std::size_t i, Type type, bool widen) { return write(operand(i), type, widen); }

Slot Lowering::write(const Operand& operand, Type type, bool widen) {
  const std::uint32_t width = width_of(type);
  if (operand.kind == OperandKind::sink && !operand.address) {
    return slots_.scratch(width);
  }
  if (operand.kind != OperandKind::reg || operand.address || operand.negated) {
    fail("a destination that is not a register");
    return {.unit = 0, .width = width};
  }
  const Register& reg = context_.kernel.registers[operand.index];
  destinations_.push_back(operand.index);
  const Slot slot = slots_.of_register(operand.index);
  if ((reg.type == Type::pred) != (type == Type::pred) || slot.width < width || (slot.width > width && !widen)) {
    fail(fmt::format("a register of type {} as the destination of {}", name_of(reg.type), name_of(type)));
    return {.unit = 0, .width = width};
  }
  if (slot.width == width) {
    return slot;
  }
  const Slot low = slots_.scratch(width);
  const Type from = is_signed(type) ? signed_of(width) : unsigned_of(width);
  const LaneKey widened{.lane = Lane::copy, .type = unsigned_of(slot.width), .from = from, .modifiers = {}};
  after_.push_back(Step{.form = form_of(widened), .op = find_lane_op(widened, context_.wide), .to = slot, .a = low});
  return low;
}

// Steps.

LaneKey Lowering::key(Lane lane, Type type) const { return {.lane = lane, .type = type, .modifiers = current_->modifiers}; }

void Lowering::emit(const LaneKey& key, Slot to, Slot a, Slot b, Slot c) {
  const LaneOp op = find_lane_op(key, context_.wide);
  if (op == nullptr) {
    unsupported();
    return;
  }
  const Rounding rounding = key.modifiers.rounding;
  const bool directed = rounding == Rounding::rz || rounding == Rounding::rm || rounding == Rounding::rp;
  made_.push_back(Step{.rounding = directed ? rounding : Rounding::none, .form = form_of(key), .op = op, .to = to, .a = a, .b = b, .c = c});
}

void Lowering::lower(const Instruction& instruction) {
  current_ = &instruction;
  made_.clear();
  after_.clear();
  destinations_.clear();
  sources_ = Lifetime::launch;
  end_.reset();
  refused_ = false;
  movable_ = !instruction.guard;
  slots_.release_scratch();
  dispatch();
  if (!refused_) {
    finish_steps();
  }
}

void Lowering::finish_steps() {
  made_.insert(made_.end(), after_.begin(), after_.end());
  const auto once = [&](std::uint32_t reg) { return context_.kernel.registers[reg].definitions == 1; };
  if (movable_ && sources_ == Lifetime::launch && !made_.empty() && std::ranges::all_of(destinations_, once)) {
    for (const std::uint32_t reg : destinations_) {
      slots_.set_lifetime(reg, Lifetime::launch);
    }
    program_.prologue.insert(program_.prologue.end(), made_.begin(), made_.end());
    return;
  }
  const std::optional<Guard>& guard = current_->guard;
  std::optional<Slot> condition;
  if (guard && !made_.empty()) {
    condition = slots_.of_register(guard->reg);
    if (std::ranges::find(destinations_, guard->reg) != destinations_.end() && made_.size() > 1) {
      // An earlier step of this instruction may overwrite its own guard.
      const Slot kept = slots_.scratch(1);
      const LaneOp op = find_lane_op({.lane = Lane::copy, .type = Type::u8, .from = Type::u8, .modifiers = {}}, context_.wide);
      program_.steps.push_back(Step{.line = current_->line, .op = op, .to = kept, .a = *condition});
      condition = kept;
    }
  }
  for (Step& step : made_) {
    step.line = current_->line;
    step.guarded = condition.has_value();
    step.guard = condition.value_or(Slot{}).unit;
    step.guard_negated = guard && guard->negated;
    program_.steps.push_back(step);
  }
}

}  // namespace sublet::cpu
