#include <algorithm>
#include <utility>

#include "gpu-worker/devices/cpu/run/lowering.hpp"

namespace sublet::cpu {

namespace {

Type wide_of(Type type) {
  switch (type) {
    case Type::u16:
      return Type::u32;
    case Type::s16:
      return Type::s32;
    case Type::u32:
      return Type::u64;
    case Type::s32:
      return Type::s64;
    default:
      return Type::none;
  }
}

/// div, rcp and sqrt of floats say how they round, or that they need not.
bool says_how(const Modifiers& modifiers) { return modifiers.approximate != (modifiers.rounding != Rounding::none); }

}  // namespace

void Lowering::dispatch() {
  const Modifiers& m = current_->modifiers;
  const Type type = current_->type;
  switch (current_->opcode) {
    case Opcode::bra:
    case Opcode::ret:
    case Opcode::exit:
    case Opcode::trap:
      return;  // The end of a block.
    case Opcode::activemask:
      return active_mask();
    case Opcode::atom:
    case Opcode::red:
      return atomic();
    case Opcode::bar:
      return m.of_warp ? exchange(ExchangeKind::barrier) : barrier();
    case Opcode::brx:
      return;  // Became comparisons and branches.
    case Opcode::call:
      return call();
    case Opcode::elect:
      return exchange(ExchangeKind::elect);
    case Opcode::match:
      return exchange(ExchangeKind::match);
    case Opcode::redux:
      return exchange(ExchangeKind::reduce);
    case Opcode::shfl:
      return exchange(ExchangeKind::shuffle);
    case Opcode::vote:
      return exchange(ExchangeKind::vote);
    case Opcode::fence:
    case Opcode::nanosleep:
      return wait_for_memory(StepKind::fence);
    case Opcode::hint:
      return;
    case Opcode::isspacep:
      return is_in_space();
    case Opcode::addc:
      return carried(Lane::add_carry, Lane::carry_of, true);
    case Opcode::subc:
      return carried(Lane::sub_borrow, Lane::borrow_of, true);
    case Opcode::madc:
      return carried_product(true);
    case Opcode::dp4a:
      return dot_product(Lane::dp4a);
    case Opcode::dp2a:
      return dot_product(m.half == Half::hi ? Lane::dp2a_hi : Lane::dp2a_lo);
    case Opcode::bmsk:
      return type == Type::b32 ? uniform(Lane::bmsk, 2) : unsupported();
    case Opcode::szext:
      return type == Type::u32 || type == Type::s32 ? uniform(Lane::szext, 2) : unsupported();
    case Opcode::abs_:
      return uniform(Lane::abs, 1);
    case Opcode::add:
      if (m.carry) {
        return carried(Lane::add_carry, Lane::carry_of, false);
      }
      return uniform(m.saturate && !is_float(type) ? Lane::add_saturated : Lane::add, 2);
    case Opcode::sub:
      if (m.carry) {
        return carried(Lane::sub_borrow, Lane::borrow_of, false);
      }
      return uniform(m.saturate && !is_float(type) ? Lane::sub_saturated : Lane::sub, 2);
    case Opcode::and_:
      return uniform(Lane::and_, 2);
    case Opcode::or_:
      return uniform(Lane::or_, 2);
    case Opcode::xor_:
      return uniform(Lane::xor_, 2);
    case Opcode::not_:
      return uniform(Lane::not_, 1);
    case Opcode::cnot:
      return uniform(Lane::cnot, 1);
    case Opcode::neg:
      return uniform(Lane::neg, 1);
    case Opcode::min:
      return uniform(Lane::min, 2);
    case Opcode::max:
      return uniform(Lane::max, 2);
    case Opcode::rem:
      return uniform(Lane::rem, 2);
    case Opcode::sad:
      return uniform(Lane::sad, 3);
    case Opcode::brev:
      return uniform(Lane::brev, 1);
    case Opcode::prmt:
      return uniform(Lane::prmt, 3);
    case Opcode::copysign:
      return uniform(Lane::copysign, 2);
    case Opcode::div:
      return is_float(type) && !says_how(m) ? unsupported() : uniform(Lane::div, 2);
    case Opcode::rcp:
      return says_how(m) ? uniform(Lane::rcp, 1) : unsupported();
    case Opcode::sqrt:
      return says_how(m) ? uniform(Lane::sqrt, 1) : unsupported();
    case Opcode::fma:
      return m.rounding == Rounding::none ? unsupported() : uniform(Lane::fma, 3);
    case Opcode::rsqrt:
      return m.approximate ? uniform(Lane::rsqrt, 1) : unsupported();
    case Opcode::ex2:
      return m.approximate ? uniform(Lane::ex2, 1) : unsupported();
    case Opcode::lg2:
      return m.approximate ? uniform(Lane::lg2, 1) : unsupported();
    case Opcode::sin:
      return m.approximate ? uniform(Lane::sin, 1) : unsupported();
    case Opcode::cos:
      return m.approximate ? uniform(Lane::cos, 1) : unsupported();
    case Opcode::tanh:
      return m.approximate ? uniform(Lane::tanh, 1) : unsupported();
    case Opcode::mul:
      return integer_or_float_product(false);
    case Opcode::mad:
      return m.carry ? carried_product(false) : integer_or_float_product(true);
    case Opcode::mul24:
      return uniform(m.half == Half::hi ? Lane::mul24_hi : Lane::mul24_lo, 2);
    case Opcode::mad24:
      return uniform(m.half == Half::hi ? Lane::mad24_hi : Lane::mad24_lo, 3);
    case Opcode::shl:
      return shift(Lane::shl);
    case Opcode::shr:
      return shift(Lane::shr);
    case Opcode::shf:
      return shift_funnel();
    case Opcode::bfi:
      return insert_field();
    case Opcode::bfe:
      return extract_field();
    case Opcode::bfind:
      return count_bits(m.shift_amount ? Lane::bfind_shift : Lane::bfind);
    case Opcode::clz:
      return count_bits(Lane::clz);
    case Opcode::popc:
      return count_bits(Lane::popc);
    case Opcode::lop3:
      return logic3();
    case Opcode::cvt:
      return convert();
    case Opcode::setp:
    case Opcode::testp:
      return compare_to_predicate();
    case Opcode::set:
      return compare_to_register();
    case Opcode::selp:
      return select();
    case Opcode::slct:
      return select_by_sign();
    case Opcode::cvta:
      return to_generic();
    case Opcode::mov:
      return move();
    case Opcode::ld:
      return load();
    case Opcode::st:
      return store();
  }
}

void Lowering::uniform(Lane lane, std::size_t sources) {
  if (!expect_operands(sources + 1)) {
    return;
  }
  std::array<Slot, 3> from;
  for (std::size_t i = 0; i < sources; ++i) {
    from[i] = read(i + 1, current_->type);
  }
  emit(key(lane, current_->type), write(0, current_->type), from[0], from[1], from[2]);
}

void Lowering::integer_or_float_product(bool add) {
  const Type type = current_->type;
  const Half half = current_->modifiers.half;
  if (is_float(type)) {
    // mad.rn.f32 is fma by another name.
    return half == Half::none ? uniform(add ? Lane::fma : Lane::mul_lo, add ? 3 : 2) : unsupported();
  }
  if (half == Half::none || current_->modifiers.saturate || current_->modifiers.rounding != Rounding::none) {
    return unsupported();
  }
  if (half != Half::wide) {
    const Lane low = add ? Lane::mad_lo : Lane::mul_lo;
    const Lane high = add ? Lane::mad_hi : Lane::mul_hi;
    return uniform(half == Half::lo ? low : high, add ? 3 : 2);
  }
  const Type wide = wide_of(type);
  if (wide == Type::none) {
    return unsupported();
  }
  if (!expect_operands(add ? 4 : 3)) {
    return;
  }
  const Slot a = read(1, type);
  const Slot b = read(2, type);
  const Slot c = add ? read(3, wide) : Slot{};
  emit(key(add ? Lane::mad_wide : Lane::mul_wide, type), write(0, wide), a, b, c);
}

void Lowering::carried(Lane sum, Lane carry, bool takes_carry) {
  if (width_of(current_->type) < 4 || is_float(current_->type) || current_->modifiers.saturate) {
    return unsupported();
  }
  if (expect_operands(3)) {
    const Slot a = read(1, current_->type);
    const Slot b = read(2, current_->type);
    carried(a, b, sum, carry, takes_carry);
  }
}

/// The sum is made before the carry is, and goes to the destination last: it may be one of the operands.
void Lowering::carried(Slot a, Slot b, Lane sum, Lane carry, bool takes_carry) {
  movable_ = false;
  const Type type = current_->type;
  const Slot in = takes_carry ? slots_.carry() : slots_.constant(0, 1);
  const Slot made = slots_.scratch(width_of(type));
  emit({.lane = sum, .type = type, .modifiers = {}}, made, a, b, in);
  if (current_->modifiers.carry) {
    emit({.lane = carry, .type = type, .modifiers = {}}, slots_.carry(), a, b, in);
  }
  const Type plain = width_of(type) == 8 ? Type::u64 : Type::u32;
  emit({.lane = Lane::copy, .type = plain, .from = plain, .modifiers = {}}, write(0, type), made);
}

void Lowering::carried_product(bool takes_carry) {
  const Half half = current_->modifiers.half;
  const Type type = current_->type;
  if (width_of(type) < 4 || is_float(type) || (half != Half::lo && half != Half::hi)) {
    return unsupported();
  }
  if (expect_operands(4)) {
    const Slot a = read(1, type);
    const Slot b = read(2, type);
    const Slot c = read(3, type);
    const Slot product = slots_.scratch(width_of(type));
    emit({.lane = half == Half::lo ? Lane::mul_lo : Lane::mul_hi, .type = type, .modifiers = {}}, product, a, b);
    carried(product, c, Lane::add_carry, Lane::carry_of, takes_carry);
  }
}

/// dp4a and dp2a: the types of both factors; the sum is a signed one when either is.
void Lowering::dot_product(Lane lane) {
  const auto is_word = [](Type type) { return type == Type::u32 || type == Type::s32; };
  if (!is_word(current_->to) || !is_word(current_->type)) {
    return unsupported();
  }
  if (expect_operands(4)) {
    const Slot a = read(1, Type::u32);
    const Slot b = read(2, Type::u32);
    const Slot c = read(3, Type::u32);
    LaneKey wanted = key(lane, current_->type);
    wanted.from = current_->to;
    emit(wanted, write(0, Type::u32), a, b, c);
  }
}

void Lowering::shift(Lane lane) {
  if (expect_operands(3)) {
    const Slot a = read(1, current_->type);
    const Slot by = read(2, Type::u32);
    emit(key(lane, current_->type), write(0, current_->type), a, by);
  }
}

void Lowering::shift_funnel() {
  const Modifiers& m = current_->modifiers;
  if (current_->type != Type::b32) {
    return unsupported();
  }
  const Lane left = m.wrap ? Lane::shf_left_wrap : Lane::shf_left_clamp;
  const Lane right = m.wrap ? Lane::shf_right_wrap : Lane::shf_right_clamp;
  uniform(m.left ? left : right, 3);
}

void Lowering::insert_field() {
  const Type type = current_->type;
  if (!expect_operands(5)) {
    return;
  }
  const Slot inserted = read(1, type);
  const Slot base = read(2, type);
  const Slot position = read(3, Type::u32);
  const Slot length = read(4, Type::u32);
  const Slot mask = slots_.scratch(width_of(type));
  const Slot moved = slots_.scratch(width_of(type));
  emit(key(Lane::bfi_mask, type), mask, position, length);
  emit(key(Lane::bfi_shift, type), moved, inserted, position);
  emit(key(Lane::bfi_blend, type), write(0, type), moved, base, mask);
}

void Lowering::extract_field() {
  if (expect_operands(4)) {
    const Slot a = read(1, current_->type);
    const Slot position = read(2, Type::u32);
    const Slot length = read(3, Type::u32);
    emit(key(Lane::bfe, current_->type), write(0, current_->type), a, position, length);
  }
}

void Lowering::count_bits(Lane lane) {
  if (expect_operands(2)) {
    const Slot a = read(1, current_->type);
    emit(key(lane, current_->type), write(0, Type::u32), a);
  }
}

void Lowering::logic3() {
  if (current_->type != Type::b32) {
    return unsupported();
  }
  if (!expect_operands(5)) {
    return;
  }
  if (operand(4).kind != OperandKind::integer || operand(4).bits > 255) {
    return fail("a table that is not a number up to 255");
  }
  const auto table = static_cast<std::uint8_t>(operand(4).bits);
  const Slot a = read(1, Type::b32);
  const Slot b = read(2, Type::b32);
  const Slot c = read(3, Type::b32);
  const Slot set = slots_.scratch(4);
  const Slot clear = slots_.scratch(4);
  // What the table says of b and c where a bit of `a` is set, and where it is clear; then each bit of `a` chooses.
  emit({.lane = Lane::logic, .type = Type::b32, .modifiers = {}, .table = static_cast<std::uint8_t>(table >> 4U)}, set, b, c);
  emit({.lane = Lane::logic, .type = Type::b32, .modifiers = {}, .table = static_cast<std::uint8_t>(table & 15U)}, clear, b, c);
  emit({.lane = Lane::bfi_blend, .type = Type::b32, .modifiers = {}}, write(0, Type::b32), set, clear, a);
}

void Lowering::convert() {
  const Type to = current_->to;
  const Type from = current_->type;
  const Rounding rounding = current_->modifiers.rounding;
  const bool whole = rounding >= Rounding::rni;
  const bool narrows = is_float(to) && (!is_float(from) || width_of(to) < width_of(from));
  // Rounding to a whole number stands where one is made, rounding to nearest and its like where bits are lost, and neither elsewhere.
  const bool makes_whole = is_float(from) && (!is_float(to) || (to == from && rounding != Rounding::none));
  if (to == Type::f16x2 || to == Type::bf16x2) {
    return convert_two();
  }
  if (to == Type::pred || from == Type::pred || whole != makes_whole || (!whole && narrows != (rounding != Rounding::none))) {
    return unsupported();
  }
  if (!expect_operands(2)) {
    return;
  }
  const Slot source = read(1, from, true);
  LaneKey wanted = key(Lane::convert, to);
  wanted.from = from;
  emit(wanted, write(0, to, true), source);
}

/// "cvt.rn.f16x2.f32 d, high, low".
void Lowering::convert_two() {
  if (current_->type != Type::f32 || current_->modifiers.saturate || current_->modifiers.flush ||
      (current_->modifiers.rounding != Rounding::rn && current_->modifiers.rounding != Rounding::rz)) {
    return unsupported();
  }
  if (expect_operands(3)) {
    const Slot high = read(1, Type::f32);
    const Slot low = read(2, Type::f32);
    LaneKey wanted = key(Lane::convert, current_->to);
    wanted.from = Type::f32;
    emit(wanted, write(0, current_->to), high, low);
  }
}

/// Halves are compared as the floats that they are.
Slot Lowering::read_for_comparison(std::size_t i) {
  const Type type = current_->type;
  if (type != Type::f16 && type != Type::bf16) {
    return read(i, type);
  }
  Slot half = read(i, type);
  if (current_->modifiers.flush) {
    // A subnormal half is no subnormal float, so it is flushed before; adding -0 does only that.
    const Slot flushed = slots_.scratch(2);
    emit({.lane = Lane::add, .type = type, .modifiers = {.flush = true}}, flushed, half, slots_.constant(0x8000, 2));
    half = flushed;
  }
  const Slot wide = slots_.scratch(4);
  emit({.lane = Lane::convert, .type = Type::f32, .from = type, .modifiers = {}}, wide, half);
  return wide;
}

LaneKey Lowering::comparison() const {
  const bool half = current_->type == Type::f16 || current_->type == Type::bf16;
  LaneKey made = key(Lane::compare, half ? Type::f32 : current_->type);
  made.modifiers.flush = made.modifiers.flush && !half;
  return made;
}

Slot Lowering::compare(std::size_t first, bool complement) {
  const Slot made = slots_.scratch(1);
  if (current_->opcode == Opcode::testp) {
    emit(key(Lane::testp, current_->type), made, read(first, current_->type));
  } else {
    const Slot a = read_for_comparison(first);
    const Slot b = read_for_comparison(first + 1);
    emit(comparison(), made, a, b);
  }
  if (complement) {
    emit({.lane = Lane::not_, .type = Type::pred, .modifiers = {}}, made, made);
  }
  return made;
}

/// `to` = the comparison, combined with predicate `operand` where the opcode says so.
void Lowering::combine(Slot to, Slot compared, std::size_t operand) {
  switch (current_->modifiers.combine) {
    case Combine::none:
      return emit({.lane = Lane::copy, .type = Type::u8, .from = Type::u8, .modifiers = {}}, to, compared);
    case Combine::and_:
      return emit({.lane = Lane::and_, .type = Type::pred, .modifiers = {}}, to, compared, read(operand, Type::pred));
    case Combine::or_:
      return emit({.lane = Lane::or_, .type = Type::pred, .modifiers = {}}, to, compared, read(operand, Type::pred));
    case Combine::xor_:
      return emit({.lane = Lane::xor_, .type = Type::pred, .modifiers = {}}, to, compared, read(operand, Type::pred));
  }
}

void Lowering::compare_to_predicate() {
  const std::size_t first = current_->pair ? 2 : 1;
  const bool combined = current_->modifiers.combine != Combine::none;
  const std::size_t sources = current_->opcode == Opcode::testp ? 1 : (combined ? 3 : 2);
  if (!expect_operands(first + sources)) {
    return;
  }
  if (first == 1 && !combined && operand(0).kind == OperandKind::reg) {
    // The usual case writes its predicate at once.
    const Slot a = read_for_comparison(1);
    const Slot b = sources == 2 ? read_for_comparison(2) : Slot{};
    return emit(sources == 2 ? comparison() : key(Lane::testp, current_->type), write(0, Type::pred), a, b);
  }
  // Both results are made before either is written: the predicate they are combined with may be one of the two.
  std::array<Slot, 2> results;
  for (std::size_t i = 0; i < first; ++i) {
    results[i] = compare(first, i == 1);
    combine(results[i], results[i], first + 2);
  }
  for (std::size_t i = 0; i < first; ++i) {
    emit({.lane = Lane::copy, .type = Type::u8, .from = Type::u8, .modifiers = {}}, write(i, Type::pred), results[i]);
  }
}

void Lowering::compare_to_register() {
  const bool combined = current_->modifiers.combine != Combine::none;
  const Type to = current_->to;
  if (to != Type::f32 && to != Type::u32 && to != Type::s32) {
    return unsupported();
  }
  if (!expect_operands(combined ? 4 : 3)) {
    return;
  }
  const Slot compared = compare(1, false);
  combine(compared, compared, 3);
  emit({.lane = Lane::mask_of, .type = to, .modifiers = {}}, write(0, to), compared);
}

void Lowering::select() {
  const Type type = current_->type;
  if (type == Type::pred || width_of(type) < 2) {
    return unsupported();
  }
  if (expect_operands(4)) {
    const Slot a = read(1, type);
    const Slot b = read(2, type);
    const Slot which = read(3, Type::pred);
    emit(key(Lane::select, type), write(0, type), a, b, which);
  }
}

void Lowering::select_by_sign() {
  const Type to = current_->to;
  const Type sign = current_->type;
  if ((sign != Type::s32 && sign != Type::f32) || width_of(to) < 2) {
    return unsupported();
  }
  if (expect_operands(4)) {
    const Slot a = read(1, to);
    const Slot b = read(2, to);
    const Slot which = read(3, sign);
    LaneKey wanted = key(Lane::select_sign, to);
    wanted.from = sign;
    emit(wanted, write(0, to), a, b, which);
  }
}

}  // namespace sublet::cpu
