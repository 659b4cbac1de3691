#include "gpu-worker/devices/cpu/native/forms.hpp"

namespace sublet::cpu::native {

Kind kind_of(Type type) {
  if (type == Type::pred) {
    return Kind::mask;
  }
  switch (width_of(type)) {
    case 1:
      return Kind::byte;
    case 2:
      return Kind::half;
    case 4:
      return Kind::word;
    case 8:
      return Kind::quad;
    default:
      return Kind::none;
  }
}

Kind kind_of_width(std::uint32_t width) {
  switch (width) {
    case 1:
      return Kind::mask;
    case 2:
      return Kind::half;
    case 4:
      return Kind::word;
    case 8:
      return Kind::quad;
    default:
      return Kind::none;
  }
}

NativeForm find_form(const StepForm& form) {
  if (!form.known() || form.type == Type::f64 || form.from == Type::f64) {
    return {};
  }
  for (NativeForm (*const part)(const StepForm&) : {find_float_form, find_integer_form, find_bit_form, find_conversion}) {
    if (const NativeForm found = part(form); found.emit != nullptr) {
      return found;
    }
  }
  return {};
}

Value new_value(asmjit::x86::Compiler& code, Kind kind) {
  Value made{.low = code.newYmm(), .high = {}};
  if (kind == Kind::quad) {
    made.high = code.newYmm();
  }
  return made;
}

asmjit::x86::Mem words(asmjit::x86::Compiler& code, std::uint32_t bits) {
  const std::array<std::uint32_t, 8> all = {bits, bits, bits, bits, bits, bits, bits, bits};
  return code.newConst(asmjit::ConstPoolScope::kLocal, all.data(), sizeof(all));
}
asmjit::x86::Mem quads(asmjit::x86::Compiler& code, std::uint64_t bits) {
  const std::array<std::uint64_t, 4> all = {bits, bits, bits, bits};
  return code.newConst(asmjit::ConstPoolScope::kLocal, all.data(), sizeof(all));
}

}  // namespace sublet::cpu::native
