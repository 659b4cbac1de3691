#pragma once

// The forms that native code knows, lane by lane, and what their values look like in vector registers.

#include <array>

#include <asmjit/x86.h>

#include "gpu-worker/devices/cpu/run/lane_op.hpp"

namespace sublet::cpu::native {

/// Eight lanes' values of one slot: 32 bits a lane, whose upper part is zero where the value is narrower, or 64 bits in two registers.
enum class Kind : std::uint8_t {
  none,
  mask,  ///< a predicate: all bits or none
  byte,
  half,
  word,
  quad,
};
struct Value {
  asmjit::x86::Ymm low;   ///< lanes 0 to 7, or 0 to 3
  asmjit::x86::Ymm high;  ///< lanes 4 to 7 of a `quad`
};

/// What a form gives and takes.
struct FormKinds {
  Kind to = Kind::none;
  std::array<Kind, 3> from = {};
};

Kind kind_of(Type type);
/// Of the unsigned type of that width; one byte is taken for a predicate.
Kind kind_of_width(std::uint32_t width);

using Inputs = std::array<Value, 3>;
/// Emits what `form` does to eight lanes: to a value that is no input.
using Emit = void (*)(asmjit::x86::Compiler& code, const StepForm& form, const Value& to, const Inputs& from);
struct NativeForm {
  Emit emit = nullptr;  ///< null when only the interpreter knows the form
  FormKinds kinds;
};
NativeForm find_form(const StepForm& form);

// Its parts.
NativeForm find_float_form(const StepForm& form);
NativeForm find_integer_form(const StepForm& form);
NativeForm find_bit_form(const StepForm& form);
NativeForm find_conversion(const StepForm& form);

/// A value of that kind in new registers.
Value new_value(asmjit::x86::Compiler& code, Kind kind);
/// Eight times the same 32 bits, in memory.
asmjit::x86::Mem words(asmjit::x86::Compiler& code, std::uint32_t bits);
asmjit::x86::Mem quads(asmjit::x86::Compiler& code, std::uint64_t bits);

}  // namespace sublet::cpu::native
