#pragma once

#include <cstdint>
#include <string_view>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "gpu-worker/devices/cpu/ptx/ir.hpp"
#include "gpu-worker/devices/cpu/ptx/names.hpp"
#include "gpu-worker/devices/cpu/ptx/token_stream.hpp"

namespace sublet::cpu {

/// Names that are known outside of a kernel's body.
struct ModuleNames {
  std::unordered_map<std::string_view, std::uint32_t> variables;
  /// Declared, refused already, and therefore not to be reported again where they are used.
  std::unordered_set<std::string_view> refused;
};

/// Reads the statements between a kernel's braces into its registers, instructions and blocks.
class BodyParser {
 public:
  BodyParser(TokenStream& tokens, Module& module, const ModuleNames& names, Kernel& kernel);

  /// The next token is the body's `{`. What is wrong is left in the token stream.
  void parse();

 private:
  struct Pending {
    std::string_view label;
    std::uint32_t instruction = 0;
    std::uint32_t line = 0;
  };
  /// One pair of braces: the labels defined in it, and the branches whose label is not known yet.
  struct LabelScope {
    std::unordered_map<std::string_view, std::uint32_t> defined;
    std::vector<Pending> pending;
  };

  void enter();
  void leave();
  void statement();
  void directive();
  void declare_registers();
  void refuse_variables();
  void guarded();
  void word();
  void instruction(const Token& opcode, const std::optional<Guard>& guard);
  void branch_target(Instruction& into);
  void operands(Instruction& into);
  Operand operand();
  Operand address();
  Operand vector();
  Operand name();
  Operand number();
  std::uint32_t predicate();
  void count_definitions(const Instruction& instruction);
  void refuse(std::string what, std::uint32_t line);

  TokenStream& tokens_;
  Module& module_;
  const ModuleNames& names_;
  Kernel& kernel_;
  RegisterNames registers_;
  std::unordered_map<std::string_view, std::uint32_t> parameters_;
  std::unordered_set<std::string_view> refused_;
  std::vector<LabelScope> labels_;
  std::vector<std::uint32_t> label_positions_;
};

/// How many operands of `instruction`, from the first, it writes.
std::size_t destinations_of(const Instruction& instruction);

}  // namespace sublet::cpu
