#include <algorithm>
#include <utility>

#include <fmt/format.h>

#include "gpu-worker/devices/cpu/run/address_space.hpp"
#include "gpu-worker/devices/cpu/run/lowering.hpp"

namespace sublet::cpu {

namespace {

bool is_movable_type(Type type) { return type == Type::pred || (width_of(type) >= 2 && type != Type::f16); }

Type half_of(Type type) {
  switch (width_of(type)) {
    case 8:
      return Type::b32;
    case 4:
      return Type::b16;
    default:
      return Type::b8;
  }
}

}  // namespace

void Lowering::move() {
  const Type type = current_->type;
  if (!is_movable_type(type)) {
    return unsupported();
  }
  if (!expect_operands(2)) {
    return;
  }
  if (operand(0).kind == OperandKind::vector) {
    return unpack();
  }
  if (operand(1).kind == OperandKind::vector) {
    return pack();
  }
  move_value(type);
}

void Lowering::move_value(Type type) {
  const Slot from = read(1, type);
  if (refused_ || (made_.empty() && try_alias(operand(0), from, type))) {
    return;
  }
  const Type plain = unsigned_of(width_of(type));
  emit({.lane = Lane::copy, .type = plain, .from = plain, .modifiers = {}}, write(0, type), from);
}

/// A register that is written once, with what stays the same for the whole block, needs no slot and no step of its own.
bool Lowering::try_alias(const Operand& to, Slot from, Type type) {
  if (to.kind != OperandKind::reg || to.address || !movable_ || sources_ == Lifetime::changing) {
    return false;
  }
  const Register& reg = context_.kernel.registers[to.index];
  const bool fits = width_of(reg.type) == width_of(type) && (reg.type == Type::pred) == (type == Type::pred);
  if (!fits || reg.definitions != 1 || slots_.is_met(to.index)) {
    return false;
  }
  slots_.alias(to.index, from, sources_);
  return true;
}

void Lowering::pack() {
  const std::vector<Operand>& parts = operand(1).elements;
  const Type type = current_->type;
  if ((parts.size() != 2 && parts.size() != 4) || width_of(type) / parts.size() == 0 || (parts.size() == 4 && width_of(type) < 4)) {
    return unsupported();
  }
  const Type half = half_of(type);
  if (parts.size() == 2) {
    const Slot low = read(parts[0], half, false);
    const Slot high = read(parts[1], half, false);
    return emit({.lane = Lane::pack, .type = half, .modifiers = {}}, write(0, type), low, high);
  }
  const Type quarter = half_of(half);
  std::array<Slot, 2> halves;
  for (std::size_t i = 0; i < 2; ++i) {
    const Slot low = read(parts[2 * i], quarter, false);
    const Slot high = read(parts[2 * i + 1], quarter, false);
    halves[i] = slots_.scratch(width_of(half));
    emit({.lane = Lane::pack, .type = quarter, .modifiers = {}}, halves[i], low, high);
  }
  emit({.lane = Lane::pack, .type = half, .modifiers = {}}, write(0, type), halves[0], halves[1]);
}

void Lowering::unpack() {
  const std::vector<Operand>& parts = operand(0).elements;
  const Type type = current_->type;
  if ((parts.size() != 2 && parts.size() != 4) || (parts.size() == 4 && width_of(type) < 4) || width_of(type) < 2) {
    return unsupported();
  }
  const Type half = half_of(type);
  const Slot whole = read(1, type);
  if (parts.size() == 2) {
    emit({.lane = Lane::unpack_lo, .type = half, .modifiers = {}}, write(parts[0], half, false), whole);
    emit({.lane = Lane::unpack_hi, .type = half, .modifiers = {}}, write(parts[1], half, false), whole);
    return;
  }
  const Type quarter = half_of(half);
  for (std::size_t i = 0; i < 2; ++i) {
    const Slot part = slots_.scratch(width_of(half));
    emit({.lane = i == 0 ? Lane::unpack_lo : Lane::unpack_hi, .type = half, .modifiers = {}}, part, whole);
    emit({.lane = Lane::unpack_lo, .type = quarter, .modifiers = {}}, write(parts[2 * i], quarter, false), part);
    emit({.lane = Lane::unpack_hi, .type = quarter, .modifiers = {}}, write(parts[2 * i + 1], quarter, false), part);
  }
}

/// cvta: shared and local memory have a window in the generic addresses, everything else is there as it is.
void Lowering::to_generic() {
  const Space space = current_->modifiers.space;
  if (space != Space::shared && space != Space::local) {
    return move();
  }
  if (current_->type != Type::u64) {
    return unsupported();
  }
  if (expect_operands(2)) {
    const Slot from = read(1, Type::u64);
    const Slot window = slots_.constant(space == Space::shared ? kSharedWindow : kLocalWindow, 8);
    emit({.lane = current_->modifiers.to_space ? Lane::sub : Lane::add, .type = Type::u64, .modifiers = {}}, write(0, Type::u64), from,
         window);
  }
}

void Lowering::is_in_space() {
  if (!expect_operands(2)) {
    return;
  }
  const Slot address = read(1, Type::u64);
  LaneKey wanted{.lane = Lane::compare, .type = Type::u64, .modifiers = {}};
  std::uint64_t window = 0;
  switch (current_->modifiers.space) {
    case Space::global:
      // Sessions' memory lies above all windows.
      wanted.modifiers.compare = Compare::ge;
      return emit(wanted, write(0, Type::pred), address, slots_.constant(kFunctionWindow, 8));
    case Space::shared:
      window = kSharedWindow;
      break;
    case Space::local:
      window = kLocalWindow;
      break;
    case Space::param:
      window = kParameterWindow;
      break;
    default:
      return unsupported();
  }
  const Slot offset = slots_.scratch(8);
  emit({.lane = Lane::sub, .type = Type::u64, .modifiers = {}}, offset, address, slots_.constant(window, 8));
  wanted.modifiers.compare = Compare::lt;
  emit(wanted, write(0, Type::pred), offset, slots_.constant(kWindowBytes, 8));
}

void Lowering::load() {
  if (current_->type == Type::pred) {
    return unsupported();
  }
  if (!expect_operands(2)) {
    return;
  }
  if (current_->modifiers.space == Space::param && operand(1).address && operand(1).kind == OperandKind::parameter) {
    return load_parameter();
  }
  movable_ = false;
  Access made = access(operand(1), operand(0));
  if (refused_) {
    return;
  }
  for (std::size_t i = 0; i < made.count; ++i) {
    const Operand& to = made.count == 1 ? operand(0) : operand(0).elements[i];
    if (to.kind == OperandKind::sink) {
      continue;
    }
    if (to.kind != OperandKind::reg) {
      return fail("a destination that is not a register");
    }
    destinations_.push_back(to.index);
    made.elements[i] = slots_.of_register(to.index);
    if (context_.kernel.registers[to.index].type == Type::pred || made.elements[i].width < width_of(made.type)) {
      return fail("a destination narrower than what is loaded");
    }
  }
  made_.push_back(Step{.kind = StepKind::load, .access = static_cast<std::uint32_t>(program_.accesses.size())});
  program_.accesses.push_back(made);
}

void Lowering::store() {
  if (current_->modifiers.space == Space::constant || current_->type == Type::pred) {
    return unsupported();
  }
  if (!expect_operands(2)) {
    return;
  }
  movable_ = false;
  Access made = access(operand(0), operand(1));
  if (refused_) {
    return;
  }
  for (std::size_t i = 0; i < made.count; ++i) {
    const Operand& from = made.count == 1 ? operand(1) : operand(1).elements[i];
    if (from.kind == OperandKind::reg && !from.address && !from.negated) {
      made.elements[i] = slots_.of_register(from.index);
      if (context_.kernel.registers[from.index].type == Type::pred || made.elements[i].width < width_of(made.type)) {
        return fail("a register narrower than what is stored");
      }
    } else {
      made.elements[i] = read(from, made.type, true);
    }
  }
  if (!refused_) {
    made_.push_back(Step{.kind = StepKind::store, .access = static_cast<std::uint32_t>(program_.accesses.size())});
    program_.accesses.push_back(made);
  }
}

Access Lowering::access(const Operand& address, const Operand& values) {
  Access made{.type = current_->type,
              .count = current_->modifiers.vector,
              .space = current_->modifiers.space,
              .ordered = current_->modifiers.ordered,
              .address = {}};
  if (values.kind == OperandKind::vector ? values.elements.size() != made.count : made.count != 1) {
    fail("a vector of another length than the opcode says");
    return made;
  }
  if (made.count * width_of(made.type) > 16) {
    unsupported();
    return made;
  }
  // A vector of one element in braces is the element.
  made.count = values.kind == OperandKind::vector ? static_cast<std::uint32_t>(values.elements.size()) : 1;
  locate(address, made.space, made.address, made.offset);
  if (address.kind == OperandKind::local) {
    made.space = Space::local;
  }
  return made;
}

void Lowering::locate(const Operand& address, Space space, std::optional<Slot>& base, std::uint64_t& offset) {
  if (!address.address) {
    return fail("an operand that is not an address");
  }
  offset = static_cast<std::uint64_t>(address.offset);
  switch (address.kind) {
    case OperandKind::reg: {
      const Type type = context_.kernel.registers[address.index].type;
      const bool short_address = (space == Space::shared || space == Space::local) && width_of(type) == 4;
      if (width_of(type) != 8 && !short_address) {
        return fail("an address register that is not 64 bits wide");
      }
      note_source(slots_.lifetime_of_register(address.index));
      base = slots_.of_register(address.index);
      return;
    }
    case OperandKind::integer:
      offset += address.bits;
      return;
    case OperandKind::variable:
      offset += context_.variable_addresses[address.index];
      return;
    case OperandKind::shared:
      offset += context_.shared_offsets[address.index];
      return space == Space::shared ? void() : fail("a shared variable where another space is named");
    case OperandKind::local: {
      const Local& local = context_.kernel.locals[address.index];
      offset += local.offset;
      if (space != (local.is_parameter ? Space::param : Space::local)) {
        return fail("a local variable or a parameter where another space is named");
      }
      if (context_.self != kNoFunction) {
        base = program_.frame;
      }
      return;
    }
    case OperandKind::parameter:
      return unsupported("a kernel's parameter as the address of anything but ld.param");
    default:
      return fail("an operand that is not an address");
  }
}

void Lowering::load_parameter() {
  const Operand& address = operand(1);
  const Operand& values = operand(0);
  const std::uint32_t count = current_->modifiers.vector;
  const std::uint32_t width = width_of(current_->type);
  if (!address.address || address.kind != OperandKind::parameter) {
    return unsupported(fmt::format("opcode {} with an address that is not a parameter's name", current_->text.substr(0, 80)));
  }
  if (values.kind == OperandKind::vector ? values.elements.size() != count : count != 1) {
    return fail("a vector of another length than the opcode says");
  }
  const Parameter& parameter = context_.kernel.parameters[address.index];
  const std::int64_t bytes = static_cast<std::int64_t>(width) * count;
  if (address.offset < 0 || address.offset > parameter.size || bytes > parameter.size - address.offset || address.offset % width != 0) {
    return fail(fmt::format("a read outside of parameter \"{}\" of {} bytes, or across its alignment", parameter.name, parameter.size));
  }
  for (std::uint32_t i = 0; i < count; ++i) {
    const Operand& to = values.kind == OperandKind::vector ? values.elements[i] : values;
    if (to.kind == OperandKind::sink) {
      continue;
    }
    if (to.kind != OperandKind::reg || to.address) {
      return fail("a destination that is not a register");
    }
    const Type reg = context_.kernel.registers[to.index].type;
    if (reg == Type::pred || width_of(reg) < width) {
      return fail("a destination narrower than what is loaded");
    }
    const auto offset =
        static_cast<std::uint32_t>(parameter.offset + static_cast<std::uint64_t>(address.offset) + std::uint64_t{i} * width);
    const Slot from = slots_.parameter(offset, current_->type, width_of(reg));
    if (!try_alias(to, from, reg)) {
      const Slot into = write(to, reg, false);
      const Type plain = unsigned_of(into.width);
      emit({.lane = Lane::copy, .type = plain, .from = plain, .modifiers = {}}, into, from);
    }
  }
}

}  // namespace sublet::cpu
