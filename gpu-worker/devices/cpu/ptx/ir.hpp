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
  activemask,
  add,
  addc,
  and_,
  atom,
  bar,
  bfe,
  bfi,
  bfind,
  bmsk,
  bra,
  brev,
  brx,
  call,
  clz,
  cnot,
  copysign,
  cos,
  cvt,
  cvta,
  div,
  dp2a,
  dp4a,
  elect,
  ex2,
  exit,
  fence,
  fma,
  hint,  // prefetch and the like: nothing to do
  isspacep,
  ld,
  lg2,
  lop3,
  mad,
  madc,
  mad24,
  match,
  max,
  min,
  mov,
  mul,
  mul24,
  nanosleep,
  neg,
  not_,
  or_,
  popc,
  prmt,
  rcp,
  red,
  redux,
  rem,
  ret,
  rsqrt,
  sad,
  selp,
  set,
  setp,
  shf,
  shfl,
  shl,
  shr,
  sin,
  slct,
  sqrt,
  st,
  sub,
  subc,
  szext,
  tanh,
  testp,
  trap,
  vote,
  xor_,
};

/// Whether threads may have to wait for others at it, or go elsewhere before they go on behind it.
constexpr bool suspends(Opcode opcode) {
  switch (opcode) {
    case Opcode::bar:
    case Opcode::call:
    case Opcode::elect:
    case Opcode::match:
    case Opcode::redux:
    case Opcode::shfl:
    case Opcode::vote:
      return true;
    default:
      return false;
  }
}

enum class Rounding : std::uint8_t { none, rn, rz, rm, rp, rni, rzi, rmi, rpi };
enum class Compare : std::uint8_t { none, eq, ne, lt, le, gt, ge, equ, neu, ltu, leu, gtu, geu, num, nan };
enum class Combine : std::uint8_t { none, and_, or_, xor_ };
enum class Half : std::uint8_t { none, lo, hi, wide };
enum class Space : std::uint8_t { generic, global, constant, param, shared, local };
/// What atom, red, redux and bar.red do.
enum class Operation : std::uint8_t { none, add, min, max, inc, dec, and_, or_, xor_, exch, cas, popc };
/// Which thread shfl reads, which question vote asks, whether match wants all threads to agree.
enum class WarpMode : std::uint8_t { none, up, down, bfly, idx, all, any, uni, ballot };
enum class BarrierMode : std::uint8_t { none, sync, arrive, red };
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
  Operation operation = Operation::none;
  WarpMode warp = WarpMode::none;
  BarrierMode barrier = BarrierMode::none;
  bool carry = false;         ///< .cc
  bool of_warp = false;       ///< bar.warp
  bool ordered = false;       ///< .volatile, .relaxed and stronger: other blocks may be looking
  bool relu = false;          ///< .relu: what is below zero becomes zero
  bool approximate = false;   ///< .approx and .full
  bool full_range = false;    ///< .full
  bool flush = false;         ///< .ftz
  bool saturate = false;      ///< .sat
  bool nan = false;           ///< min and max that answer NaN when either side is
  bool wrap = false;          ///< shf, bmsk, szext: .wrap; otherwise .clamp
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
  shared,     ///< the address of the module's shared variable `index`
  local,      ///< the address of the thread's own variable `index` of this kernel or function
  function,   ///< the address of the module's function `index`
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
  bool pair = false;                  ///< the first two operands were joined by "|"
  std::optional<std::uint32_t> call;  ///< into Kernel::calls
  std::string_view text;              ///< the opcode as written, in the source text
};

struct Parameter {
  std::string name;
  std::uint32_t offset = 0;
  std::uint32_t size = 0;
  Type type = Type::none;  ///< of its elements, when it is an array
  bool array = false;
  bool pointer = false;  ///< .ptr says so
};

/// A variable that each thread has for itself, in the frame of its kernel or function.
struct Local {
  std::uint32_t offset = 0;
  std::uint32_t size = 0;
  bool is_parameter = false;  ///< in .param space: what a function takes and gives, at either end
};

/// What a caller hands to a function and gets back, by their places in the function's frame: the results first, then the arguments.
struct Signature {
  std::vector<Local> results;
  std::vector<Local> arguments;
  /// Where the frame goes on behind them.
  std::uint32_t bytes = 0;

  bool operator==(const Signature&) const;
};

/// The operands of Opcode::call.
struct CallOperands {
  std::uint32_t callee = 0;     ///< operand: a function or a register
  std::uint32_t signature = 0;  ///< of an indirect call: into Kernel::prototypes
  bool indirect = false;
  std::vector<Operand> results;
  std::vector<Operand> arguments;
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

/// The body of an .entry, or what a .func has in common with it.
struct Kernel {
  std::string name;
  std::vector<Parameter> parameters;
  std::uint32_t parameter_bytes = 0;
  std::vector<Local> locals;
  std::uint32_t frame_bytes = 0;
  std::vector<Signature> prototypes;
  std::vector<CallOperands> calls;
  std::optional<std::array<std::uint32_t, 3>> required_threads;  ///< .reqntid
  std::optional<std::array<std::uint32_t, 3>> maximum_threads;   ///< .maxntid
  std::vector<Register> registers;
  std::vector<Instruction> instructions;
  std::vector<BasicBlock> blocks;
};

/// A .func: only `name`, `signature` and `line` count until it is defined.
struct Function : Kernel {
  Signature signature;
  bool defined = false;
  bool address_taken = false;
};

/// An address among a variable's initial values.
struct InitialAddress {
  std::uint32_t offset = 0;                  ///< in the variable
  std::uint8_t bytes = 8;                    ///< how many of the address stand there
  std::uint8_t shift = 0;                    ///< from which bit on
  OperandKind kind = OperandKind::variable;  ///< or function
  std::uint32_t index = 0;
  std::uint64_t addend = 0;
};

/// A .global or .const variable of the module.
struct Variable {
  std::string name;
  std::uint64_t size = 0;
  std::uint32_t align = 1;
  /// Its first bytes; the rest is zero.
  std::vector<std::byte> initial;
  std::vector<InitialAddress> addresses;
};

/// A .shared variable, of the module or of one kernel. The size of a `dynamic` one comes with the launch.
struct SharedVariable {
  std::uint32_t size = 0;
  std::uint32_t align = 1;
  bool dynamic = false;
};

/// Something that this device does not run.
struct Unsupported {
  std::string what;
  std::string kernel;
  std::uint32_t line = 0;
  /// Where that is in what the PTX was made of, "module.cu:12", as far as the PTX says it.
  std::string source = {};
};

struct Module {
  std::string version;
  std::string target;
  std::vector<Variable> variables;
  std::vector<SharedVariable> shared;
  std::vector<Function> functions;
  std::vector<Kernel> kernels;
  /// Empty in a module that can run. Bounded; `unsupported_total` counts all.
  std::vector<Unsupported> unsupported;
  std::size_t unsupported_total = 0;

  void refuse(Unsupported entry);
};

/// How many entries of `Module::unsupported` are kept.
inline constexpr std::size_t kMaxUnsupportedListed = 32;

}  // namespace sublet::cpu
