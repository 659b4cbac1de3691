// What becomes several instructions: conversions of halves to whole numbers and back, and comparisons whose result is a half. All of them
// are exact by way of wider types.

#include <algorithm>
#include <iterator>
#include <utility>

#include "gpu-worker/devices/cpu/ptx/body_parser.hpp"

namespace sublet::cpu {

namespace {

bool is_one_half(Type type) { return type == Type::f16 || type == Type::bf16; }

bool is_pair_of_halves(Type type) { return type == Type::f16x2 || type == Type::bf16x2; }

/// An instruction in place of a part of `whole`.
Instruction part_of(const Instruction& whole, Opcode opcode, Type to, Type from, std::vector<Operand> operands) {
  return {.opcode = opcode,
          .modifiers = {},
          .type = from,
          .to = to,
          .guard = whole.guard,
          .line = whole.line,
          .operands = std::move(operands),
          .pair = false,
          .call = {},
          .text = whole.text};
}

Operand constant(std::uint64_t bits) { return {.kind = OperandKind::integer, .bits = bits, .elements = {}}; }

Operand vector_of(Operand low, Operand high) { return {.kind = OperandKind::vector, .elements = {std::move(low), std::move(high)}}; }

}  // namespace

/// A register of no name, for the rest of what one instruction becomes: registers take memory in every thread, so they are used again.
Operand BodyParser::temporary(Type type) {
  auto free = std::ranges::find_if(temporaries_, [&](const Temporary& each) { return each.type == type && !each.taken; });
  if (free == temporaries_.end()) {
    temporaries_.push_back({.type = type, .index = static_cast<std::uint32_t>(kernel_.registers.size())});
    kernel_.registers.push_back({.type = type});
    free = std::prev(temporaries_.end());
  }
  free->taken = true;
  return {.kind = OperandKind::reg, .index = free->index, .elements = {}};
}

void BodyParser::add(Instruction made) {
  if ((made.opcode == Opcode::cvt && convert_half(made)) || (made.opcode == Opcode::set && compare_to_halves(made))) {
    for (Temporary& each : temporaries_) {
      each.taken = false;
    }
    return;
  }
  count_definitions(made);
  kernel_.instructions.push_back(std::move(made));
}

/// Whether the conversion was one that is made of others, which then are there.
bool BodyParser::convert_half(const Instruction& made) {
  const Modifiers& m = made.modifiers;
  if (made.operands.size() != 2 || m.saturate || m.flush || m.relu) {
    return false;
  }
  const auto by_way_of = [&](Type between, Rounding rounding) {
    const Operand value = temporary(between);
    Instruction first = part_of(made, Opcode::cvt, between, made.type, {value, made.operands[1]});
    first.modifiers.rounding = rounding;
    add(std::move(first));
    return value;
  };
  const bool to_whole = m.rounding >= Rounding::rni;
  if (is_one_half(made.type) && to_whole && (made.to == made.type || !is_float(made.to))) {
    Instruction last = part_of(made, Opcode::cvt, made.to, Type::f32, {made.operands[0], by_way_of(Type::f32, Rounding::none)});
    last.modifiers.rounding = m.rounding;
    if (made.to == made.type) {
      const Operand rounded = temporary(Type::f32);
      Instruction round = part_of(made, Opcode::cvt, Type::f32, Type::f32, {rounded, last.operands[1]});
      round.modifiers.rounding = m.rounding;
      add(std::move(round));
      last.operands[1] = rounded;
      last.modifiers.rounding = Rounding::rn;
    }
    add(std::move(last));
    return true;
  }
  // A double holds any 32 bits, and where it rounds 64 a half is infinite or the largest anyway; not so bf16, which has the range of f32.
  const bool exact = made.to == Type::f16 || width_of(made.type) < 8;
  if (is_one_half(made.to) && !is_float(made.type) && exact && (m.rounding == Rounding::rn || m.rounding == Rounding::rz)) {
    Instruction last = part_of(made, Opcode::cvt, made.to, Type::f64, {made.operands[0], by_way_of(Type::f64, m.rounding)});
    last.modifiers.rounding = m.rounding;
    add(std::move(last));
    return true;
  }
  return false;
}

/// The same for `set`: 1 or 0, or as many bits where a pair is compared to a word.
bool BodyParser::compare_to_halves(const Instruction& made) {
  const bool pair = is_pair_of_halves(made.type);
  const bool to_halves = made.to == made.type && (pair || is_one_half(made.type));
  if (made.operands.size() < 3 || !(to_halves || (pair && made.operands.size() == 3))) {
    return false;
  }
  const bool brain = made.type == Type::bf16 || made.type == Type::bf16x2;
  const Type half = brain ? Type::bf16 : Type::f16;
  const Operand yes = constant(!to_halves ? 0xffff : brain ? 0x3f80 : 0x3c00);
  const auto compare = [&](const Operand& into, Operand a, Operand b) {
    const Operand holds = temporary(Type::pred);
    Instruction comparison = part_of(made, Opcode::setp, half, half, {holds, std::move(a), std::move(b)});
    comparison.modifiers = made.modifiers;
    comparison.operands.insert(comparison.operands.end(), made.operands.begin() + 3, made.operands.end());
    add(std::move(comparison));
    add(part_of(made, Opcode::selp, Type::b16, Type::b16, {into, yes, constant(0), holds}));
  };
  if (!pair) {
    compare(made.operands[0], made.operands[1], made.operands[2]);
    return true;
  }
  std::vector<Operand> halves;
  for (int i = 0; i < 6; ++i) {
    halves.push_back(temporary(Type::b16));
  }
  add(part_of(made, Opcode::mov, Type::b32, Type::b32, {vector_of(halves[0], halves[1]), made.operands[1]}));
  add(part_of(made, Opcode::mov, Type::b32, Type::b32, {vector_of(halves[2], halves[3]), made.operands[2]}));
  compare(halves[4], halves[0], halves[2]);
  compare(halves[5], halves[1], halves[3]);
  add(part_of(made, Opcode::mov, Type::b32, Type::b32, {made.operands[0], vector_of(halves[4], halves[5])}));
  return true;
}

}  // namespace sublet::cpu
