#pragma once

// What the parser makes of PTX text: typed, every name resolved, nothing yet decided about how to run it.

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "gpu-worker/devices/cpu/ptx/type.hpp"

namespace sublet::cpu {

enum class Opcode : std::uint8_t {
  abs_,
  add,
  and_,
  bfe,
  bfi,
  bfind,
  bra,
  brev,
  clz,
  cnot,
  copysign,
  cos,
  cvt,
  cvta,
  div,
  ex2,
  exit,
  fma,
  ld,
  lg2,
  lop3,
  mad,
  mad24,
  max,
  min,
  mov,
  mul,
  mul24,
  neg,
  not_,
  or_,
  popc,
  prmt,
  rcp,
  rem,
  ret,
  rsqrt,
  sad,
  selp,
  set,
  setp,
  shf,
  shl,
  shr,
  sin,
  slct,
  sqrt,
  st,
  sub,
  tanh,
  testp,
  trap,
  xor_,
};

enum class Rounding : std::uint8_t { none, rn, rz, rm, rp, rni, rzi, rmi, rpi };
enum class Compare : std::uint8_t { none, eq, ne, lt, le, gt, ge, equ, neu, ltu, leu, gtu, geu, num, nan };
enum class Combine : std::uint8_t { none, and_, or_, xor_ };
enum class Half : std::uint8_t { none, lo, hi, wide };
enum class Space : std::uint8_t { generic, global, constant, param };
enum class Testp : std::uint8_t { none, finite, infinite, number, notanumber, normal, subnormal };
enum class PermuteMode : std::uint8_t { none, f4e, b4e, rc8, ecl, ecr, rc16 };

/// Everything that follows the dots of an opcode.
struct Modifiers {
  Rounding rounding = Rounding::none;
  Compare compare = Compare::none;
  Combine combine = Combine::none;
  Half half = Half::none;
  Space space = Space::generic;
  Testp testp = Testp::none;
  PermuteMode permute = PermuteMode::none;
  bool approximate = false;   ///< .approx and .full
  bool flush = false;         ///< .ftz
  bool saturate = false;      ///< .sat
  bool nan = false;           ///< min and max that answer NaN when either side is
  bool wrap = false;          ///< shf.wrap; otherwise shf.clamp
  bool left = false;          ///< shf.l
  bool to_space = false;      ///< cvta.to
  bool shift_amount = false;  ///< bfind.shiftamt
  std::uint8_t vector = 1;    ///< elements moved by ld and st
};

enum class SpecialRegister : std::uint8_t {
  tid_x,
  tid_y,
  tid_z,
  ntid_x,
  ntid_y,
  ntid_z,
  ctaid_x,
  ctaid_y,
  ctaid_z,
  nctaid_x,
  nctaid_y,
  nctaid_z,
  laneid,
  warpid,
  nwarpid,
  smid,
  nsmid,
  gridid,
  lanemask_eq,
  lanemask_lt,
  lanemask_le,
  lanemask_gt,
  lanemask_ge,
  clock,
  clock_hi,
  clock64,
  globaltimer,
  globaltimer_lo,
  globaltimer_hi,
  dynamic_smem_size,
  total_smem_size,
};
inline constexpr std::size_t kSpecialRegisters = 31;

/// 32 or 64 bits: what reading it gives.
Type type_of(SpecialRegister special);

enum class OperandKind : std::uint8_t {
  reg,        ///< `index` into the kernel's registers
  integer,    ///< `bits`
  float32,    ///< `bits`
  float64,    ///< `bits`
  special,    ///< `index` is a SpecialRegister
  parameter,  ///< the address of the kernel's parameter `index`
  variable,   ///< the address of the module's variable `index`
  label,      ///< `index` into the kernel's blocks, once the body is read
  vector,     ///< `elements`
  sink,       ///< "_": the value is not wanted
};

struct Operand {
  OperandKind kind = OperandKind::integer;
  bool negated = false;  ///< "!%p1"
  bool address = false;  ///< in brackets, moved by `offset`
  std::uint32_t index = 0;
  std::uint64_t bits = 0;
  std::int64_t offset = 0;
  std::vector<Operand> elements;
};

struct Guard {
  std::uint32_t reg = 0;
  bool negated = false;
};

struct Instruction {
  Opcode opcode = Opcode::ret;
  Modifiers modifiers;
  Type type = Type::none;  ///< the last type of the opcode, the only one of most
  Type to = Type::none;    ///< the first of two: what cvt, set, slct and the like make
  std::optional<Guard> guard;
  std::uint32_t line = 0;
  /// As written. setp's "p|q" are the first two; the destination of most is the first.
  std::vector<Operand> operands;
  bool pair = false;      ///< the first two operands were joined by "|"
  std::string_view text;  ///< the opcode as written, in the source text
};

struct Parameter {
  std::string name;
  std::uint32_t offset = 0;
  std::uint32_t size = 0;
};

struct Register {
  Type type = Type::none;
  std::uint32_t definitions = 0;  ///< instructions that write it
};

/// A straight run of instructions: `first` up to and without `last`.
struct BasicBlock {
  std::uint32_t first = 0;
  std::uint32_t last = 0;
  std::optional<std::uint32_t> taken;  ///< where its branch goes
  std::optional<std::uint32_t> next;   ///< where it goes on when the branch is not taken
  /// Where all paths from here meet again; nothing when they meet only at the kernel's end.
  std::optional<std::uint32_t> join;
};

struct Kernel {
  std::string name;
  std::vector<Parameter> parameters;
  std::uint32_t parameter_bytes = 0;
  std::optional<std::array<std::uint32_t, 3>> required_threads;  ///< .reqntid
  std::optional<std::array<std::uint32_t, 3>> maximum_threads;   ///< .maxntid
  std::vector<Register> registers;
  std::vector<Instruction> instructions;
  std::vector<BasicBlock> blocks;
};

/// A .global or .const variable of the module.
struct Variable {
  std::string name;
  std::uint64_t size = 0;
  std::uint32_t align = 1;
  /// Its first bytes; the rest is zero.
  std::vector<std::byte> initial;
};

/// Something that this device does not run.
struct Unsupported {
  std::string what;
  std::string kernel;
  std::uint32_t line = 0;
};

struct Module {
  std::string version;
  std::string target;
  std::vector<Variable> variables;
  std::vector<Kernel> kernels;
  /// Empty in a module that can run. Bounded; `unsupported_total` counts all.
  std::vector<Unsupported> unsupported;
  std::size_t unsupported_total = 0;

  void refuse(Unsupported entry);
};

/// How many entries of `Module::unsupported` are kept.
inline constexpr std::size_t kMaxUnsupportedListed = 32;

}  // namespace sublet::cpu
