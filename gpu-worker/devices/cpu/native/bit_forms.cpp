// What treats values as bits, and what chooses between values.

#include "gpu-worker/devices/cpu/native/forms.hpp"

namespace sublet::cpu::native {

namespace {

using asmjit::x86::Compiler;
using asmjit::x86::Ymm;

/// `each(to, inputs)` for the one register of a value or for both.
template <class Each>
void for_halves(Kind kind, const Value& to, const Inputs& from, Each each) {
  each(to.low, std::array{from[0].low, from[1].low, from[2].low});
  if (kind == Kind::quad) {
    each(to.high, std::array{from[0].high, from[1].high, from[2].high});
  }
}

void emit_both(Compiler& code, const StepForm& form, const Value& to, const Inputs& from) {
  for_halves(kind_of(form.type), to, from, [&](const Ymm& out, const auto& in) {
    switch (form.lane) {
      case Lane::and_:
        code.vpand(out, in[0], in[1]);
        break;
      case Lane::or_:
        code.vpor(out, in[0], in[1]);
        break;
      default:
        code.vpxor(out, in[0], in[1]);
        break;
    }
  });
}
void invert_bits(Compiler& code, const StepForm& form, const Value& to, const Inputs& from) {
  const std::uint32_t bits = width_of(form.type) == 2 ? 0xffff : ~0U;
  for_halves(kind_of(form.type), to, from, [&](const Ymm& out, const auto& in) { code.vpxor(out, in[0], words(code, bits)); });
}

/// lop3: what the table of four bits says of each two.
void emit_logic(Compiler& code, const StepForm& form, const Value& to, const Inputs& from) {
  const Ymm a = from[0].low;
  const Ymm b = from[1].low;
  const Ymm ones = code.newYmm();
  const Ymm term = code.newYmm();
  code.vpcmpeqd(ones, ones, ones);
  code.vpxor(to.low, to.low, to.low);
  if ((form.how & 1U) != 0) {
    code.vpor(term, a, b);
    code.vpxor(to.low, term, ones);
  }
  if ((form.how & 2U) != 0) {
    code.vpandn(term, a, b);
    code.vpor(to.low, to.low, term);
  }
  if ((form.how & 4U) != 0) {
    code.vpandn(term, b, a);
    code.vpor(to.low, to.low, term);
  }
  if ((form.how & 8U) != 0) {
    code.vpand(term, a, b);
    code.vpor(to.low, to.low, term);
  }
}
/// The first input where a bit of the third is set, the second elsewhere.
void blend_bits(Compiler& code, const StepForm& form, const Value& to, const Inputs& from) {
  for_halves(kind_of(form.type), to, from, [&](const Ymm& out, const auto& in) {
    const Ymm clear = code.newYmm();
    code.vpandn(clear, in[2], in[1]);
    code.vpand(out, in[0], in[2]);
    code.vpor(out, out, clear);
  });
}

// The processor's shifts by a vector clamp as PTX does.

void shift_words(Compiler& code, const StepForm& form, const Value& to, const Inputs& from) {
  const Ymm by = from[1].low;
  if (form.lane == Lane::shl) {
    code.vpsllvd(to.low, from[0].low, by);
  } else if (form.type == Type::s32) {
    code.vpsravd(to.low, from[0].low, by);
  } else if (form.type == Type::s16) {
    code.vpslld(to.low, from[0].low, 16);
    code.vpsrad(to.low, to.low, 16);
    code.vpsravd(to.low, to.low, by);
  } else {
    code.vpsrlvd(to.low, from[0].low, by);
  }
  if (width_of(form.type) == 2) {
    code.vpand(to.low, to.low, words(code, 0xffff));
  }
}
void shift_quads(Compiler& code, const StepForm& form, const Value& to, const Inputs& from) {
  const Value by = new_value(code, Kind::quad);
  code.vpmovzxdq(by.low, from[1].low.xmm());
  code.vextracti128(by.high.xmm(), from[1].low, 1);
  code.vpmovzxdq(by.high, by.high.xmm());
  if (form.lane == Lane::shl) {
    code.vpsllvq(to.low, from[0].low, by.low);
    code.vpsllvq(to.high, from[0].high, by.high);
    return;
  }
  code.vpsrlvq(to.low, from[0].low, by.low);
  code.vpsrlvq(to.high, from[0].high, by.high);
}

void emit_select(Compiler& code, const StepForm& form, const Value& to, const Inputs& from) {
  const Ymm which = from[2].low;
  if (width_of(form.type) != 8) {
    code.vblendvps(to.low, from[1].low, from[0].low, which);
    return;
  }
  const Ymm wide = code.newYmm();
  code.vpmovsxdq(wide, which.xmm());
  code.vblendvpd(to.low, from[1].low, from[0].low, wide);
  code.vextracti128(wide.xmm(), which, 1);
  code.vpmovsxdq(wide, wide.xmm());
  code.vblendvpd(to.high, from[1].high, from[0].high, wide);
}
void emit_mask_of(Compiler& code, const StepForm& form, const Value& to, const Inputs& from) {
  constexpr std::uint32_t kOne = 0x3f80'0000;
  code.vpand(to.low, from[0].low, words(code, form.type == Type::f32 ? kOne : ~0U));
}

}  // namespace

NativeForm find_bit_form(const StepForm& form) {
  const Kind own = kind_of(form.type);
  const bool arithmetic_quads = form.lane == Lane::shr && form.type == Type::s64;
  if (own == Kind::byte || arithmetic_quads) {
    return {};
  }
  switch (form.lane) {
    case Lane::and_:
    case Lane::or_:
    case Lane::xor_:
      return {emit_both, {.to = own, .from = {own, own}}};
    case Lane::not_:
      return {invert_bits, {.to = own, .from = {own}}};
    case Lane::logic:
      return {emit_logic, {.to = own, .from = {own, own}}};
    case Lane::bfi_blend:
      return {blend_bits, {.to = own, .from = {own, own, own}}};
    case Lane::shl:
    case Lane::shr:
      return {own == Kind::quad ? shift_quads : shift_words, {.to = own, .from = {own, Kind::word}}};
    case Lane::select:
      return {emit_select, {.to = own, .from = {own, own, Kind::mask}}};
    case Lane::mask_of:
      return {emit_mask_of, {.to = Kind::word, .from = {Kind::mask}}};
    default:
      return {};
  }
}

}  // namespace sublet::cpu::native
