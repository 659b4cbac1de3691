#pragma once

#include <cstdint>
#include <span>
#include <string_view>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "gpu-worker/devices/cpu/ptx/ir.hpp"
#include "gpu-worker/devices/cpu/ptx/names.hpp"
#include "gpu-worker/devices/cpu/ptx/opcode.hpp"
#include "gpu-worker/devices/cpu/ptx/token_stream.hpp"

namespace sublet::cpu {

/// Names that are known outside of a body.
struct ModuleNames {
  std::unordered_map<std::string_view, std::uint32_t> variables;
  std::unordered_map<std::string_view, std::uint32_t> shared;
  std::unordered_map<std::string_view, std::uint32_t> functions;
  /// Declared, refused already, and therefore not to be reported again where they are used.
  std::unordered_set<std::string_view> refused;
};

/// Reads the statements between the braces of an .entry or a .func into its registers, instructions and blocks.
class BodyParser {
 public:
  /// @param formals  a function's results and parameters, in the order of its first `locals`; an entry has none
  BodyParser(TokenStream& tokens, Module& module, const ModuleNames& names, Kernel& kernel, std::span<const std::string_view> formals = {});

  /// The next token is the body's `{`. What is wrong is left in the token stream.
  void parse();

 private:
  struct Pending {
    std::string_view label;
    std::uint32_t instruction = 0;
    std::uint32_t line = 0;
  };
  struct Temporary {
    Type type = Type::none;
    std::uint32_t index = 0;  ///< into the kernel's registers
    bool taken = false;
  };
  /// One pair of braces: the names defined in it, and the branches whose label is not known yet.
  struct Scope {
    std::unordered_map<std::string_view, std::uint32_t> labels;
    std::vector<Pending> pending;
    /// Shared and local variables, and what a call takes and gives.
    std::unordered_map<std::string_view, Operand> variables;
    std::unordered_map<std::string_view, std::uint32_t> prototypes;
    std::unordered_map<std::string_view, std::vector<std::string_view>> branch_targets;
    std::uint32_t frame_bytes = 0;  ///< of the scopes around it
  };

  // Statements: body_parser.cpp.
  void enter();
  void leave();
  void statement();
  void directive();
  void declare_registers();
  void declare_shared();
  void declare_local();
  void guarded();
  void word();
  void instruction(const Token& opcode, const std::optional<Guard>& guard);
  std::uint32_t predicate();
  const std::optional<OpcodeParts>& parts_of(std::string_view opcode);
  void count_definitions(const Instruction& instruction);
  void refuse(std::string what, std::uint32_t line);
  std::uint32_t label_behind(std::uint32_t instructions);

  // Instructions that become several: body_halves.cpp.
  void add(Instruction made);
  bool convert_half(const Instruction& made);
  bool compare_to_halves(const Instruction& made);
  Operand temporary(Type type);

  // Operands: body_operands.cpp.
  void branch_to(std::string_view label, std::uint32_t line, Instruction& into);
  void operands(Instruction& into);
  Operand operand();
  Operand address();
  Operand vector();
  Operand name();
  std::optional<Operand> variable_named(std::string_view name);
  Operand number();

  // Calls and tables: body_calls.cpp.
  bool table(std::string_view label);
  void prototype(std::string_view label);
  void call(Instruction& into);
  std::vector<Operand> call_list();
  void branch_by_index(const Token& opcode, const std::optional<Guard>& guard);
  void branch_around(const Guard& guard, std::uint32_t instructions, const Token& opcode);
  template <class T>
  const T* find(std::unordered_map<std::string_view, T> Scope::* names, std::string_view name) const;

  TokenStream& tokens_;
  Module& module_;
  const ModuleNames& names_;
  Kernel& kernel_;
  std::span<const std::string_view> formals_;
  RegisterNames registers_;
  std::unordered_map<std::string_view, std::uint32_t> parameters_;
  std::vector<Scope> scopes_;
  std::vector<Temporary> temporaries_;
  /// Looked up once: a body has few opcodes, and many times each.
  std::unordered_map<std::string_view, std::optional<OpcodeParts>> opcodes_;
  std::vector<std::uint32_t> label_positions_;
  std::uint32_t frame_bytes_ = 0;  ///< in use where the parser stands; Kernel::frame_bytes is the most there ever were
};

template <class T>
const T* BodyParser::find(std::unordered_map<std::string_view, T> Scope::* names, std::string_view name) const {
  for (auto scope = scopes_.rbegin(); scope != scopes_.rend(); ++scope) {
    if (const auto found = ((*scope).*names).find(name); found != ((*scope).*names).end()) {
      return &found->second;
    }
  }
  return nullptr;
}

/// How many operands of `instruction`, from the first, it writes.
std::size_t destinations_of(const Instruction& instruction);

/// Reads ".param .b32 a, .param .align 8 .b8 b[24]" up to the closing parenthesis, which follows an opening one that was taken. A place in
/// the frame is given to each behind `bytes`, which moves on.
/// @param names  gets each one's name
std::vector<Local> read_formals(TokenStream& tokens, std::uint32_t& bytes, std::vector<std::string_view>& names);

}  // namespace sublet::cpu
