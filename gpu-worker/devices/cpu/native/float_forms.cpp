// Single precision, as lane_ops.inc does it: every NaN that comes out of arithmetic is the card's.

#include "gpu-worker/devices/cpu/native/forms.hpp"

namespace sublet::cpu::native {

namespace {

using asmjit::x86::Compiler;
using asmjit::x86::Ymm;

constexpr std::uint32_t kCanonicalNan = 0x7fff'ffff;
constexpr std::uint32_t kOne = 0x3f80'0000;
// Predicates of vcmpps that raise nothing for a quiet NaN.
constexpr int kUnordered = 3;

void float_settle(Compiler& code, const Ymm& value) {
  const Ymm nan = code.newYmm();
  code.vcmpps(nan, value, value, kUnordered);
  code.vblendvps(value, value, words(code, kCanonicalNan), nan);
}

void float_finish(Compiler& code, const StepForm& form, const Ymm& value) {
  if (form.how != kSaturatedForm) {
    return float_settle(code, value);
  }
  // Of a NaN, and of two zeros, both answer their second operand.
  const Ymm zero = code.newYmm();
  code.vxorps(zero, zero, zero);
  code.vmaxps(value, value, zero);
  code.vminps(value, value, words(code, kOne));
}

void float_add(Compiler& code, const StepForm& form, const Value& to, const Inputs& from) {
  code.vaddps(to.low, from[0].low, from[1].low);
  float_finish(code, form, to.low);
}
void float_sub(Compiler& code, const StepForm& form, const Value& to, const Inputs& from) {
  code.vsubps(to.low, from[0].low, from[1].low);
  float_finish(code, form, to.low);
}
void float_mul(Compiler& code, const StepForm& form, const Value& to, const Inputs& from) {
  code.vmulps(to.low, from[0].low, from[1].low);
  float_finish(code, form, to.low);
}
void float_fma(Compiler& code, const StepForm& form, const Value& to, const Inputs& from) {
  code.vmovaps(to.low, from[0].low);
  code.vfmadd213ps(to.low, from[1].low, from[2].low);
  float_finish(code, form, to.low);
}
void float_div(Compiler& code, const StepForm&, const Value& to, const Inputs& from) {
  code.vdivps(to.low, from[0].low, from[1].low);
  float_settle(code, to.low);
}
void float_rcp(Compiler& code, const StepForm&, const Value& to, const Inputs& from) {
  code.vmovaps(to.low, words(code, kOne));
  code.vdivps(to.low, to.low, from[0].low);
  float_settle(code, to.low);
}
void float_sqrt(Compiler& code, const StepForm&, const Value& to, const Inputs& from) {
  code.vsqrtps(to.low, from[0].low);
  float_settle(code, to.low);
}
void float_abs(Compiler& code, const StepForm&, const Value& to, const Inputs& from) {
  code.vandps(to.low, from[0].low, words(code, 0x7fff'ffff));
  float_settle(code, to.low);
}
void float_neg(Compiler& code, const StepForm&, const Value& to, const Inputs& from) {
  code.vxorps(to.low, from[0].low, words(code, 0x8000'0000));
  float_settle(code, to.low);
}

/// min and max: of numbers the processor's, but for zeros of two signs; of one NaN the other operand unless .NaN; of two the card's.
void float_extreme(Compiler& code, const StepForm& form, const Value& to, const Inputs& from) {
  const Ymm a = from[0].low;
  const Ymm b = from[1].low;
  const Ymm other = code.newYmm();
  const bool least = form.lane == Lane::min;
  // In either order they differ for equal numbers, which are the same but for the sign of zero, and for a NaN.
  if (least) {
    code.vminps(to.low, a, b);
    code.vminps(other, b, a);
    code.vorps(to.low, to.low, other);
  } else {
    code.vmaxps(to.low, a, b);
    code.vmaxps(other, b, a);
    code.vandps(to.low, to.low, other);
  }
  const Ymm nan = code.newYmm();
  if (form.how == kNanForm) {
    code.vcmpps(nan, a, b, kUnordered);
    code.vblendvps(to.low, to.low, words(code, kCanonicalNan), nan);
    return;
  }
  code.vcmpps(nan, b, b, kUnordered);
  code.vblendvps(to.low, to.low, a, nan);
  code.vcmpps(nan, a, a, kUnordered);
  code.vblendvps(to.low, to.low, b, nan);
  float_settle(code, to.low);
}

/// The predicate of vcmpps that is `compare`.
int processors(Compare compare) {
  switch (compare) {
    case Compare::eq:
      return 0;  // ordered
    case Compare::ne:
      return 12;  // ordered
    case Compare::lt:
      return 17;
    case Compare::le:
      return 18;
    case Compare::gt:
      return 30;
    case Compare::ge:
      return 29;
    case Compare::equ:
      return 8;
    case Compare::neu:
      return 4;
    case Compare::ltu:
      return 25;  // not ge
    case Compare::leu:
      return 26;  // not gt
    case Compare::gtu:
      return 22;  // not le
    case Compare::geu:
      return 21;  // not lt
    case Compare::num:
      return 7;
    default:
      return kUnordered;
  }
}

void float_compare(Compiler& code, const StepForm& form, const Value& to, const Inputs& from) {
  code.vcmpps(to.low, from[0].low, from[1].low, processors(static_cast<Compare>(form.how)));
}

}  // namespace

NativeForm find_float_form(const StepForm& form) {
  constexpr Kind kWord = Kind::word;
  constexpr FormKinds kOneInput = {.to = kWord, .from = {kWord}};
  constexpr FormKinds kTwoInputs = {.to = kWord, .from = {kWord, kWord}};
  if (form.type != Type::f32) {
    return {};
  }
  switch (form.lane) {
    case Lane::add:
      return {float_add, kTwoInputs};
    case Lane::sub:
      return {float_sub, kTwoInputs};
    case Lane::mul_lo:
      return {float_mul, kTwoInputs};
    case Lane::fma:
      return {float_fma, {.to = kWord, .from = {kWord, kWord, kWord}}};
    case Lane::div:
      return {float_div, kTwoInputs};
    case Lane::rcp:
      return {float_rcp, kOneInput};
    case Lane::sqrt:
      return {float_sqrt, kOneInput};
    case Lane::abs:
      return {float_abs, kOneInput};
    case Lane::neg:
      return {float_neg, kOneInput};
    case Lane::min:
    case Lane::max:
      return {float_extreme, kTwoInputs};
    case Lane::compare:
      return {float_compare, {.to = Kind::mask, .from = {kWord, kWord}}};
    default:
      return {};
  }
}

}  // namespace sublet::cpu::native
