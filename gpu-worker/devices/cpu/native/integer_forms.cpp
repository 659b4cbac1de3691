// Whole numbers. Everything wraps. Values of 16 bits are computed in 32.

#include "gpu-worker/devices/cpu/native/forms.hpp"

namespace sublet::cpu::native {

namespace {

using asmjit::x86::Compiler;
using asmjit::x86::Ymm;

/// The upper four lanes where the lower four are.
asmjit::x86::Xmm upper_half(Compiler& code, const Ymm& value) {
  const asmjit::x86::Xmm made = code.newXmm();
  code.vextracti128(made, value, 1);
  return made;
}

/// 16 bits with their sign in 32, where the type has one.
Ymm widened(Compiler& code, Type type, const Ymm& value) {
  if (type != Type::s16) {
    return value;
  }
  const Ymm made = code.newYmm();
  code.vpslld(made, value, 16);
  code.vpsrad(made, made, 16);
  return made;
}
void narrow(Compiler& code, Type type, const Ymm& value) {
  if (width_of(type) == 2) {
    code.vpand(value, value, words(code, 0xffff));
  }
}

void integer_sum(Compiler& code, const StepForm& form, const Value& to, const Value& a, const Value& b) {
  if (width_of(form.type) == 8) {
    code.vpaddq(to.low, a.low, b.low);
    code.vpaddq(to.high, a.high, b.high);
    return;
  }
  code.vpaddd(to.low, a.low, b.low);
  narrow(code, form.type, to.low);
}
void integer_add(Compiler& code, const StepForm& form, const Value& to, const Inputs& from) {
  integer_sum(code, form, to, from[0], from[1]);
}
void integer_subtract(Compiler& code, const StepForm& form, const Value& to, const Value& a, const Value& b) {
  if (width_of(form.type) == 8) {
    code.vpsubq(to.low, a.low, b.low);
    code.vpsubq(to.high, a.high, b.high);
    return;
  }
  code.vpsubd(to.low, a.low, b.low);
  narrow(code, form.type, to.low);
}
void integer_sub(Compiler& code, const StepForm& form, const Value& to, const Inputs& from) {
  integer_subtract(code, form, to, from[0], from[1]);
}
void integer_neg(Compiler& code, const StepForm& form, const Value& to, const Inputs& from) {
  Value zero = new_value(code, kind_of(form.type));
  code.vpxor(zero.low, zero.low, zero.low);
  if (width_of(form.type) == 8) {
    zero.high = zero.low;
  }
  integer_subtract(code, form, to, zero, from[0]);
}
void integer_abs(Compiler& code, const StepForm& form, const Value& to, const Inputs& from) {
  code.vpabsd(to.low, widened(code, form.type, from[0].low));
  narrow(code, form.type, to.low);
}

/// The lower 64 bits of a product of such.
void mul_quads(Compiler& code, const Ymm& to, const Ymm& a, const Ymm& b) {
  const Ymm cross = code.newYmm();
  const Ymm upper = code.newYmm();
  code.vpsrlq(cross, a, 32);
  code.vpmuludq(cross, cross, b);
  code.vpsrlq(upper, b, 32);
  code.vpmuludq(upper, upper, a);
  code.vpaddq(cross, cross, upper);
  code.vpsllq(cross, cross, 32);
  code.vpmuludq(to, a, b);
  code.vpaddq(to, to, cross);
}
void integer_mul(Compiler& code, const StepForm& form, const Value& to, const Inputs& from) {
  if (width_of(form.type) == 8) {
    mul_quads(code, to.low, from[0].low, from[1].low);
    mul_quads(code, to.high, from[0].high, from[1].high);
    return;
  }
  code.vpmulld(to.low, from[0].low, from[1].low);
  narrow(code, form.type, to.low);
}
void integer_mad(Compiler& code, const StepForm& form, const Value& to, const Inputs& from) {
  const Value product = new_value(code, kind_of(form.type));
  integer_mul(code, form, product, from);
  integer_sum(code, form, to, product, from[2]);
}

void mul_even(Compiler& code, Type type, const Ymm& to, const Ymm& a, const Ymm& b) {
  type == Type::s32 ? code.vpmuldq(to, a, b) : code.vpmuludq(to, a, b);
}
void mul_high(Compiler& code, const StepForm& form, const Value& to, const Inputs& from) {
  const Ymm odd = code.newYmm();
  const Ymm other = code.newYmm();
  code.vpsrlq(odd, from[0].low, 32);
  code.vpsrlq(other, from[1].low, 32);
  mul_even(code, form.type, odd, odd, other);
  mul_even(code, form.type, to.low, from[0].low, from[1].low);
  code.vpsrlq(to.low, to.low, 32);
  code.vpblendd(to.low, to.low, odd, 0xaa);
}

void mul_wide(Compiler& code, const StepForm& form, const Value& to, const Inputs& from) {
  if (width_of(form.type) == 2) {
    code.vpmulld(to.low, widened(code, form.type, from[0].low), widened(code, form.type, from[1].low));
    return;
  }
  const Ymm other = code.newYmm();
  code.vpmovzxdq(to.low, from[0].low.xmm());
  code.vpmovzxdq(other, from[1].low.xmm());
  mul_even(code, form.type, to.low, to.low, other);
  code.vpmovzxdq(to.high, upper_half(code, from[0].low));
  code.vpmovzxdq(other, upper_half(code, from[1].low));
  mul_even(code, form.type, to.high, to.high, other);
}
void mad_wide(Compiler& code, const StepForm& form, const Value& to, const Inputs& from) {
  const bool quad = width_of(form.type) == 4;
  const Value product = new_value(code, quad ? Kind::quad : Kind::word);
  mul_wide(code, form, product, from);
  integer_sum(code, {.lane = Lane::add, .type = quad ? Type::u64 : Type::u32}, to, product, from[2]);
}

void integer_extreme(Compiler& code, const StepForm& form, const Value& to, const Inputs& from) {
  const Ymm a = widened(code, form.type, from[0].low);
  const Ymm b = widened(code, form.type, from[1].low);
  const bool least = form.lane == Lane::min;
  if (is_signed(form.type)) {
    least ? code.vpminsd(to.low, a, b) : code.vpmaxsd(to.low, a, b);
  } else {
    least ? code.vpminud(to.low, a, b) : code.vpmaxud(to.low, a, b);
  }
  narrow(code, form.type, to.low);
}

// Comparisons: the processor knows "equal" and, of signed numbers, "greater".

void invert(Compiler& code, const Ymm& mask) { code.vpxor(mask, mask, words(code, ~0U)); }

/// Moves the sign so that unsigned numbers compare as signed ones do.
Ymm ordered(Compiler& code, Type type, const Ymm& value) {
  // Of 16 bits there is none in the way.
  if (is_signed(type) || width_of(type) == 2) {
    return widened(code, type, value);
  }
  const Ymm made = code.newYmm();
  code.vpxor(made, value, width_of(type) == 8 ? quads(code, 1ULL << 63U) : words(code, 1U << 31U));
  return made;
}

void compare_lanes(Compiler& code, const StepForm& form, const Ymm& to, const Ymm& a, const Ymm& b) {
  const auto wanted = static_cast<Compare>(form.how);
  const bool quad = width_of(form.type) == 8;
  if (wanted == Compare::eq || wanted == Compare::ne) {
    quad ? code.vpcmpeqq(to, a, b) : code.vpcmpeqd(to, a, b);
    return;
  }
  const bool swapped = wanted == Compare::lt || wanted == Compare::ge;
  const Ymm greater = ordered(code, form.type, swapped ? b : a);
  const Ymm less = ordered(code, form.type, swapped ? a : b);
  quad ? code.vpcmpgtq(to, greater, less) : code.vpcmpgtd(to, greater, less);
}
void integer_compare(Compiler& code, const StepForm& form, const Value& to, const Inputs& from) {
  compare_lanes(code, form, to.low, from[0].low, from[1].low);
  if (width_of(form.type) == 8) {
    const Ymm upper = code.newYmm();
    compare_lanes(code, form, upper, from[0].high, from[1].high);
    // Of each 64 bits the lower 32, in the order of the lanes.
    code.vshufps(to.low, to.low, upper, 0x88);
    code.vpermq(to.low, to.low, 0xd8);
  }
  const auto wanted = static_cast<Compare>(form.how);
  if (wanted == Compare::ne || wanted == Compare::le || wanted == Compare::ge) {
    invert(code, to.low);
  }
}

}  // namespace

NativeForm find_integer_form(const StepForm& form) {
  if (is_float(form.type) || form.type == Type::pred || width_of(form.type) == 1) {
    return {};
  }
  const Kind own = kind_of(form.type);
  const Kind twice = own == Kind::half ? Kind::word : Kind::quad;
  const bool quad = own == Kind::quad;
  const FormKinds two = {.to = own, .from = {own, own}};
  const NativeForm none = {};
  switch (form.lane) {
    case Lane::add:
      return {integer_add, two};
    case Lane::sub:
      return {integer_sub, two};
    case Lane::neg:
      return {integer_neg, {.to = own, .from = {own}}};
    case Lane::abs:
      return quad ? none : NativeForm{integer_abs, {.to = own, .from = {own}}};
    case Lane::mul_lo:
      return {integer_mul, two};
    case Lane::mad_lo:
      return {integer_mad, {.to = own, .from = {own, own, own}}};
    case Lane::mul_hi:
      return own == Kind::word ? NativeForm{mul_high, two} : none;
    case Lane::mul_wide:
      return quad ? none : NativeForm{mul_wide, {.to = twice, .from = {own, own}}};
    case Lane::mad_wide:
      return quad ? none : NativeForm{mad_wide, {.to = twice, .from = {own, own, twice}}};
    case Lane::min:
    case Lane::max:
      return quad ? none : NativeForm{integer_extreme, two};
    case Lane::compare:
      return {integer_compare, {.to = Kind::mask, .from = {own, own}}};
    default:
      return none;
  }
}

}  // namespace sublet::cpu::native
