// Copies and conversions between whole numbers and single precision.

#include "gpu-worker/devices/cpu/native/forms.hpp"

namespace sublet::cpu::native {

namespace {

using asmjit::x86::Compiler;
using asmjit::x86::Ymm;

constexpr int kGreaterOrEqual = 29;
constexpr int kUnorderedPair = 3;
constexpr std::uint32_t kTwoTo31 = 0x4f00'0000;
constexpr std::uint32_t kTwoTo32 = 0x4f80'0000;
constexpr std::uint32_t kTwoTo16 = 0x4780'0000;

void convert_move(Compiler& code, const StepForm& form, const Value& to, const Inputs& from) {
  code.vmovdqa(to.low, from[0].low);
  if (width_of(form.type) == 8) {
    code.vmovdqa(to.high, from[0].high);
  }
}

/// Of a value narrower than 32 bits, with its sign.
void convert_extend(Compiler& code, Type type, const Ymm& to, const Ymm& from) {
  if (!is_signed(type) || width_of(type) >= 4) {
    code.vmovdqa(to, from);
    return;
  }
  const int above = width_of(type) == 1 ? 24 : 16;
  code.vpslld(to, from, above);
  code.vpsrad(to, to, above);
}
void convert_cut(Compiler& code, Type type, const Ymm& value) {
  if (width_of(type) < 4) {
    code.vpand(value, value, words(code, width_of(type) == 1 ? 0xff : 0xffff));
  }
}

void convert_resize(Compiler& code, const StepForm& form, const Value& to, const Inputs& from) {
  if (width_of(form.from) == 8) {
    // The lower 32 of each 64 bits, in the order of the lanes.
    code.vshufps(to.low, from[0].low, from[0].high, 0x88);
    code.vpermq(to.low, to.low, 0xd8);
    return convert_cut(code, form.type, to.low);
  }
  if (width_of(form.type) < 8) {
    convert_extend(code, form.from, to.low, from[0].low);
    return convert_cut(code, form.type, to.low);
  }
  const Ymm extended = code.newYmm();
  const asmjit::x86::Xmm upper = code.newXmm();
  convert_extend(code, form.from, extended, from[0].low);
  code.vextracti128(upper, extended, 1);
  if (is_signed(form.from)) {
    code.vpmovsxdq(to.low, extended.xmm());
    code.vpmovsxdq(to.high, upper);
    return;
  }
  code.vpmovzxdq(to.low, extended.xmm());
  code.vpmovzxdq(to.high, upper);
}

void to_float(Compiler& code, const StepForm& form, const Value& to, const Inputs& from) {
  if (is_signed(form.from) || width_of(form.from) < 4) {
    convert_extend(code, form.from, to.low, from[0].low);
    code.vcvtdq2ps(to.low, to.low);
    return;
  }
  // Both halves are exact, so that only their sum is rounded.
  const Ymm lower = code.newYmm();
  code.vpand(lower, from[0].low, words(code, 0xffff));
  code.vcvtdq2ps(lower, lower);
  code.vpsrld(to.low, from[0].low, 16);
  code.vcvtdq2ps(to.low, to.low);
  code.vmulps(to.low, to.low, words(code, kTwoTo16));
  code.vaddps(to.low, to.low, lower);
}

/// vroundps: how, and that nothing is raised.
int rounding_of(const StepForm& form) {
  constexpr int kQuiet = 8;
  switch (static_cast<Rounding>(form.how)) {
    case Rounding::rni:
      return kQuiet | 0;
    case Rounding::rmi:
      return kQuiet | 1;
    case Rounding::rpi:
      return kQuiet | 2;
    default:
      return kQuiet | 3;
  }
}

/// The processor answers the least number where there is no right one; PTX the nearest, and 0 of a NaN.
void to_signed_word(Compiler& code, const Ymm& to, const Ymm& value) {
  const Ymm other = code.newYmm();
  code.vcvttps2dq(to, value);
  code.vcmpps(other, value, words(code, kTwoTo31), kGreaterOrEqual);
  code.vblendvps(to, to, words(code, 0x7fff'ffff), other);
  code.vcmpps(other, value, value, kUnorderedPair);
  code.vpandn(to, other, to);
}
void to_unsigned_word(Compiler& code, const Ymm& to, const Ymm& value) {
  const Ymm upper = code.newYmm();
  const Ymm beyond = code.newYmm();
  const Ymm part = code.newYmm();
  code.vcmpps(upper, value, words(code, kTwoTo31), kGreaterOrEqual);
  code.vcmpps(beyond, value, words(code, kTwoTo32), kGreaterOrEqual);
  code.vpand(part, upper, words(code, kTwoTo31));
  code.vsubps(to, value, part);
  // A NaN becomes zero here.
  code.vxorps(part, part, part);
  code.vmaxps(to, to, part);
  code.vcvttps2dq(to, to);
  code.vpslld(upper, upper, 31);
  code.vpxor(to, to, upper);
  code.vpor(to, to, beyond);
}
void to_narrow(Compiler& code, Type type, const Ymm& to, const Ymm& value) {
  const bool byte = width_of(type) == 1;
  const float low = is_signed(type) ? (byte ? -0x1p7F : -0x1p15F) : 0;
  const float high = is_signed(type) ? (byte ? 0x1p7F - 1 : 0x1p15F - 1) : (byte ? 0x1p8F - 1 : 0x1p16F - 1);
  const Ymm nan = code.newYmm();
  code.vcmpps(nan, value, value, kUnorderedPair);
  code.vmaxps(to, value, words(code, __builtin_bit_cast(std::uint32_t, low)));
  code.vminps(to, to, words(code, __builtin_bit_cast(std::uint32_t, high)));
  code.vcvttps2dq(to, to);
  code.vpandn(to, nan, to);
  convert_cut(code, type, to);
}
void to_integer(Compiler& code, const StepForm& form, const Value& to, const Inputs& from) {
  const Ymm value = code.newYmm();
  code.vroundps(value, from[0].low, rounding_of(form));
  if (form.type == Type::s32) {
    return to_signed_word(code, to.low, value);
  }
  if (width_of(form.type) == 4) {
    return to_unsigned_word(code, to.low, value);
  }
  to_narrow(code, form.type, to.low, value);
}

void convert_round(Compiler& code, const StepForm& form, const Value& to, const Inputs& from) {
  if (static_cast<Rounding>(form.how) == Rounding::none) {
    code.vmovdqa(to.low, from[0].low);
    return;
  }
  const Ymm nan = code.newYmm();
  code.vroundps(to.low, from[0].low, rounding_of(form));
  code.vcmpps(nan, to.low, to.low, kUnorderedPair);
  code.vblendvps(to.low, to.low, words(code, 0x7fff'ffff), nan);
}

}  // namespace

NativeForm find_conversion(const StepForm& form) {
  if (form.lane != Lane::copy && form.lane != Lane::convert) {
    return {};
  }
  const bool moves = form.lane == Lane::copy && width_of(form.type) == 1 && width_of(form.from) == 1;
  if (moves) {
    return {convert_move, {.to = Kind::mask, .from = {Kind::mask}}};
  }
  const FormKinds kinds = {.to = kind_of(form.type), .from = {kind_of(form.from)}};
  if (form.type == Type::f32 && form.from == Type::f32) {
    return {convert_round, kinds};
  }
  if (form.type == Type::f32) {
    return width_of(form.from) == 8 ? NativeForm{} : NativeForm{to_float, kinds};
  }
  if (form.from == Type::f32) {
    return width_of(form.type) == 8 ? NativeForm{} : NativeForm{to_integer, kinds};
  }
  return {form.type == form.from || (width_of(form.type) == 8 && width_of(form.from) == 8) ? convert_move : convert_resize, kinds};
}

}  // namespace sublet::cpu::native
