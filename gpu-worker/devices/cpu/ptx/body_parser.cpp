#include "gpu-worker/devices/cpu/ptx/body_parser.hpp"

#include <algorithm>
#include <utility>

#include <fmt/format.h>

#include "gpu-worker/devices/cpu/ptx/flow.hpp"
#include "gpu-worker/devices/cpu/ptx/opcode.hpp"

namespace sublet::cpu {

namespace {

/// Bounds what a few bytes of text can ask for: registers take memory in every thread of a block.
constexpr std::uint32_t kMaxRegisters = 65'536;
constexpr std::size_t kMaxScopes = 64;
constexpr std::size_t kMaxOperands = 8;

bool is_absent_special_register(std::string_view name) {
  constexpr std::array<std::string_view, 8> kPrefixes = {"%envreg",        "%pm",        "%cluster",      "%ncluster", "%is_explicit",
                                                         "%reserved_smem", "%aggr_smem", "%current_graph"};
  return std::ranges::any_of(kPrefixes, [&](std::string_view prefix) { return name.starts_with(prefix); });
}

}  // namespace

std::size_t destinations_of(const Instruction& instruction) {
  switch (instruction.opcode) {
    case Opcode::st:
    case Opcode::bra:
    case Opcode::ret:
    case Opcode::exit:
    case Opcode::trap:
      return 0;
    default:
      return instruction.pair ? 2 : 1;
  }
}

BodyParser::BodyParser(TokenStream& tokens, Module& module, const ModuleNames& names, Kernel& kernel)
    : tokens_(tokens), module_(module), names_(names), kernel_(kernel) {
  for (std::uint32_t i = 0; i < kernel_.parameters.size(); ++i) {
    parameters_.emplace(kernel_.parameters[i].name, i);
  }
}

void BodyParser::refuse(std::string what, std::uint32_t line) {
  module_.refuse({.what = std::move(what), .kernel = kernel_.name, .line = line});
}

void BodyParser::parse() {
  tokens_.expect_sign('{', "the kernel's parameters");
  enter();
  while (!labels_.empty() && !tokens_.at_end()) {
    statement();
  }
  if (!labels_.empty()) {
    tokens_.fail_here(fmt::format("the body of kernel \"{}\" is not closed by '}}'", kernel_.name));
    return;
  }
  if (!tokens_.failed()) {
    build_flow(kernel_, label_positions_);
  }
}

void BodyParser::enter() {
  if (labels_.size() == kMaxScopes) {
    tokens_.fail_here(fmt::format("braces nest deeper than {}", kMaxScopes));
    return;
  }
  registers_.enter();
  labels_.emplace_back();
}

void BodyParser::leave() {
  LabelScope scope = std::move(labels_.back());
  labels_.pop_back();
  registers_.leave();
  for (const Pending& pending : scope.pending) {
    if (const auto found = scope.defined.find(pending.label); found != scope.defined.end()) {
      kernel_.instructions[pending.instruction].operands[0].index = found->second;
    } else if (!labels_.empty()) {
      labels_.back().pending.push_back(pending);
    } else {
      tokens_.fail(fmt::format("label \"{}\" is not defined in kernel \"{}\"", pending.label.substr(0, 80), kernel_.name), pending.line);
    }
  }
}

void BodyParser::statement() {
  if (tokens_.take_sign('{')) {
    enter();
  } else if (tokens_.take_sign('}')) {
    leave();
  } else if (tokens_.take_sign(';')) {
    // An empty statement.
  } else if (tokens_.at_sign('@')) {
    guarded();
  } else if (tokens_.peek().kind == TokenKind::directive) {
    directive();
  } else {
    word();
  }
}

void BodyParser::directive() {
  const Token token = tokens_.peek();
  if (token.text == ".reg") {
    declare_registers();
  } else if (token.text == ".loc" || token.text == ".file") {
    tokens_.skip_line();
  } else if (token.text == ".pragma") {
    tokens_.skip_statement();
  } else if (token.text == ".local" || token.text == ".shared") {
    refuse_variables();
  } else {
    refuse(fmt::format("directive {}", token.text.substr(0, 40)), token.line);
    tokens_.skip_statement();
  }
}

void BodyParser::declare_registers() {
  tokens_.take();
  const Token type_token = tokens_.take();
  const std::optional<Type> type = type_token.kind == TokenKind::directive ? type_named(type_token.text.substr(1)) : std::nullopt;
  if (!type) {
    refuse(fmt::format("registers of type {}", type_token.text.substr(0, 40)), type_token.line);
    tokens_.skip_statement();
    return;
  }
  do {
    const std::string_view name = tokens_.expect_word("a register's name");
    std::uint64_t count = 1;
    const bool range = tokens_.take_sign('<');
    if (range) {
      count = tokens_.expect_integer("a number of registers");
      tokens_.expect_sign('>', "a number of registers");
    }
    const auto first = static_cast<std::uint32_t>(kernel_.registers.size());
    if (tokens_.failed()) {
      return;
    }
    if (count > kMaxRegisters - first) {
      tokens_.fail(fmt::format("kernel \"{}\" has more than {} registers", kernel_.name, kMaxRegisters), type_token.line);
      return;
    }
    if (!registers_.declare(name, first, static_cast<std::uint32_t>(count), range)) {
      tokens_.fail(fmt::format("register {} is declared twice", name.substr(0, 80)), type_token.line);
      return;
    }
    kernel_.registers.resize(first + count, Register{.type = *type});
  } while (tokens_.take_sign(','));
  tokens_.expect_sign(';', "a register's name");
}

void BodyParser::refuse_variables() {
  const Token space = tokens_.take();
  std::string_view name;
  while (!tokens_.at_end() && !tokens_.at_sign(';')) {
    const Token token = tokens_.take();
    if (token.kind == TokenKind::word && name.empty()) {
      name = token.text;
    }
  }
  tokens_.expect_sign(';', "a variable");
  refused_.insert(name);
  refuse(fmt::format("{} memory ({})", space.text.substr(1), name.substr(0, 80)), space.line);
}

std::uint32_t BodyParser::predicate() {
  const Token token = tokens_.peek();
  const std::string_view text = tokens_.expect_word("a predicate");
  const std::optional<std::uint32_t> found = registers_.find(text);
  if (!tokens_.failed() && (!found || kernel_.registers[*found].type != Type::pred)) {
    tokens_.fail(fmt::format("{} is not a predicate register", text.substr(0, 80)), token.line);
  }
  return found.value_or(0);
}

void BodyParser::guarded() {
  tokens_.take();
  const bool negated = tokens_.take_sign('!');
  const Guard guard{.reg = predicate(), .negated = negated};
  if (tokens_.peek().kind != TokenKind::word) {
    tokens_.fail_here("expected an opcode after a guard");
    return;
  }
  const Token opcode = tokens_.take();
  instruction(opcode, guard);
}

void BodyParser::word() {
  if (tokens_.peek().kind != TokenKind::word) {
    tokens_.fail_here("expected an instruction, a label or a directive");
    return;
  }
  const Token first = tokens_.take();
  if (!tokens_.take_sign(':')) {
    instruction(first, std::nullopt);
    return;
  }
  const auto label = static_cast<std::uint32_t>(label_positions_.size());
  label_positions_.push_back(static_cast<std::uint32_t>(kernel_.instructions.size()));
  if (!labels_.back().defined.try_emplace(first.text, label).second) {
    tokens_.fail(fmt::format("label \"{}\" is defined twice", first.text.substr(0, 80)), first.line);
  }
}

void BodyParser::instruction(const Token& opcode, const std::optional<Guard>& guard) {
  const std::optional<OpcodeParts> parts = split_opcode(opcode.text);
  if (!parts) {
    refuse(fmt::format("opcode {}", opcode.text.substr(0, 80)), opcode.line);
    tokens_.skip_statement();
    return;
  }
  Instruction made{.opcode = parts->opcode,
                   .modifiers = parts->modifiers,
                   .type = parts->type,
                   .to = parts->to,
                   .guard = guard,
                   .line = opcode.line,
                   .operands = {},
                   .pair = false,
                   .text = opcode.text};
  if (made.opcode == Opcode::bra) {
    branch_target(made);
  } else if (!tokens_.at_sign(';')) {
    operands(made);
  }
  tokens_.expect_sign(';', "an instruction");
  if (tokens_.failed()) {
    return;
  }
  count_definitions(made);
  kernel_.instructions.push_back(std::move(made));
}

void BodyParser::branch_target(Instruction& into) {
  const std::uint32_t line = tokens_.peek().line;
  const std::string_view label = tokens_.expect_word("a label");
  labels_.back().pending.push_back({.label = label, .instruction = static_cast<std::uint32_t>(kernel_.instructions.size()), .line = line});
  into.operands.push_back(Operand{.kind = OperandKind::label, .elements = {}});
}

void BodyParser::operands(Instruction& into) {
  into.operands.reserve(4);
  do {
    if (into.operands.size() == kMaxOperands) {
      tokens_.fail_here(fmt::format("{} has more than {} operands", into.text.substr(0, 80), kMaxOperands));
      return;
    }
    into.operands.push_back(operand());
    if (into.operands.size() == 1 && tokens_.take_sign('|')) {
      into.pair = true;
      into.operands.push_back(operand());
    }
  } while (tokens_.take_sign(','));
}

Operand BodyParser::operand() {
  if (tokens_.take_sign('[')) {
    return address();
  }
  if (tokens_.take_sign('{')) {
    return vector();
  }
  if (tokens_.take_sign('!')) {
    return Operand{.kind = OperandKind::reg, .negated = true, .index = predicate(), .elements = {}};
  }
  return tokens_.peek().kind == TokenKind::word ? name() : number();
}

Operand BodyParser::address() {
  Operand made = tokens_.peek().kind == TokenKind::word ? name() : number();
  made.address = true;
  const bool minus = tokens_.at_sign('-');
  if (minus || tokens_.at_sign('+')) {
    tokens_.take();
    const bool negative = tokens_.take_sign('-') != minus;
    const std::uint64_t moved = tokens_.expect_integer("an offset");
    made.offset = static_cast<std::int64_t>(negative ? 0 - moved : moved);
  }
  tokens_.expect_sign(']', "an address");
  return made;
}

Operand BodyParser::vector() {
  Operand made{.kind = OperandKind::vector, .elements = {}};
  do {
    if (made.elements.size() == 4) {
      tokens_.fail_here("a vector has at most 4 elements");
      return made;
    }
    made.elements.push_back(tokens_.peek().kind == TokenKind::word ? name() : number());
  } while (tokens_.take_sign(','));
  tokens_.expect_sign('}', "a vector");
  return made;
}

Operand BodyParser::name() {
  const Token token = tokens_.take();
  const auto make = [](OperandKind kind, std::uint32_t index) { return Operand{.kind = kind, .index = index, .elements = {}}; };
  if (const auto found = registers_.find(token.text)) {
    return make(OperandKind::reg, *found);
  }
  if (token.text == "_") {
    return make(OperandKind::sink, 0);
  }
  if (const auto special = special_register_named(token.text)) {
    return make(OperandKind::special, static_cast<std::uint32_t>(*special));
  }
  if (const auto found = parameters_.find(token.text); found != parameters_.end()) {
    return make(OperandKind::parameter, found->second);
  }
  if (const auto found = names_.variables.find(token.text); found != names_.variables.end()) {
    return make(OperandKind::variable, found->second);
  }
  if (token.text == "WARP_SZ") {
    return Operand{.kind = OperandKind::integer, .bits = 32, .elements = {}};
  }
  if (is_absent_special_register(token.text)) {
    refuse(fmt::format("special register {}", token.text.substr(0, 80)), token.line);
  } else if (!names_.refused.contains(token.text) && !refused_.contains(token.text)) {
    tokens_.fail(fmt::format("\"{}\" is not declared in kernel \"{}\"", token.text.substr(0, 80), kernel_.name), token.line);
  }
  return Operand{.kind = OperandKind::integer, .elements = {}};
}

Operand BodyParser::number() {
  const bool minus = tokens_.take_sign('-');
  const Token token = tokens_.peek();
  Operand made{.kind = OperandKind::integer, .elements = {}};
  switch (token.kind) {
    case TokenKind::integer:
      made.bits = minus ? 0 - token.bits : token.bits;
      break;
    case TokenKind::float32:
      made.kind = OperandKind::float32;
      made.bits = token.bits ^ (minus ? 0x8000'0000U : 0U);
      break;
    case TokenKind::float64:
      made.kind = OperandKind::float64;
      made.bits = token.bits ^ (minus ? 0x8000'0000'0000'0000U : 0U);
      break;
    default:
      tokens_.fail_here("expected an operand");
      return made;
  }
  tokens_.take();
  return made;
}

void BodyParser::count_definitions(const Instruction& instruction) {
  const auto define = [&](const Operand& operand) {
    if (operand.kind == OperandKind::reg && !operand.address) {
      ++kernel_.registers[operand.index].definitions;
    }
  };
  const std::size_t count = std::min(destinations_of(instruction), instruction.operands.size());
  for (std::size_t i = 0; i < count; ++i) {
    define(instruction.operands[i]);
    std::ranges::for_each(instruction.operands[i].elements, define);
  }
}

}  // namespace sublet::cpu
