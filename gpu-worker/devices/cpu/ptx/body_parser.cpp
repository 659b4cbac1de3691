#include "gpu-worker/devices/cpu/ptx/body_parser.hpp"

#include <algorithm>
#include <utility>

#include <fmt/format.h>

#include "gpu-worker/devices/cpu/ptx/declaration.hpp"
#include "gpu-worker/devices/cpu/ptx/flow.hpp"
#include "gpu-worker/devices/cpu/ptx/forms.hpp"

namespace sublet::cpu {

namespace {

/// Bounds what a few bytes of text can ask for: registers take memory in every thread of a block.
constexpr std::uint32_t kMaxRegisters = 65'536;
/// Local memory keeps 16 bytes of a thread together, which is the most that one instruction moves.
constexpr std::uint32_t kMostLocalAlign = 16;
constexpr std::size_t kMaxScopes = 64;
constexpr std::uint32_t kMaxFrameBytes = 512U << 10U;
constexpr std::size_t kMaxShared = 4096;

}  // namespace

std::size_t destinations_of(const Instruction& instruction) {
  switch (instruction.opcode) {
    case Opcode::st:
    case Opcode::red:
    case Opcode::bra:
    case Opcode::brx:
    case Opcode::call:
    case Opcode::fence:
    case Opcode::hint:
    case Opcode::nanosleep:
    case Opcode::ret:
    case Opcode::exit:
    case Opcode::trap:
      return 0;
    case Opcode::bar:
      return instruction.modifiers.barrier == BarrierMode::red ? 1 : 0;
    default:
      return instruction.pair ? 2 : 1;
  }
}

BodyParser::BodyParser(TokenStream& tokens, Module& module, const ModuleNames& names, Kernel& kernel,
                       std::span<const std::string_view> formals)
    : tokens_(tokens), module_(module), names_(names), kernel_(kernel), formals_(formals), frame_bytes_(kernel.frame_bytes) {
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
  for (std::uint32_t i = 0; i < formals_.size() && !scopes_.empty(); ++i) {
    scopes_.back().variables.emplace(formals_[i], Operand{.kind = OperandKind::local, .index = i, .elements = {}});
  }
  while (!scopes_.empty() && !tokens_.at_end()) {
    statement();
  }
  if (!scopes_.empty()) {
    tokens_.fail_here(fmt::format("the body of kernel \"{}\" is not closed by '}}'", kernel_.name));
    return;
  }
  if (!tokens_.failed()) {
    build_flow(kernel_, label_positions_);
  }
}

void BodyParser::enter() {
  if (scopes_.size() == kMaxScopes) {
    tokens_.fail_here(fmt::format("braces nest deeper than {}", kMaxScopes));
    return;
  }
  registers_.enter();
  scopes_.emplace_back().frame_bytes = frame_bytes_;
}

void BodyParser::leave() {
  Scope scope = std::move(scopes_.back());
  scopes_.pop_back();
  registers_.leave();
  // What only this scope named may stand where the next one's will.
  frame_bytes_ = scope.frame_bytes;
  for (const Pending& pending : scope.pending) {
    if (const auto found = scope.labels.find(pending.label); found != scope.labels.end()) {
      kernel_.instructions[pending.instruction].operands[0].index = found->second;
    } else if (!scopes_.empty()) {
      scopes_.back().pending.push_back(pending);
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
  } else if (token.text == ".shared") {
    declare_shared();
  } else if (token.text == ".local" || token.text == ".param") {
    declare_local();
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

void BodyParser::declare_shared() {
  const std::uint32_t line = tokens_.take().line;
  const Declared made = read_declaration(tokens_, "a shared variable");
  tokens_.expect_sign(';', "a shared variable");
  if (made.size() > kMostSharedBytes || module_.shared.size() == kMaxShared) {
    tokens_.fail(fmt::format("the shared variables are too many, or \"{}\" is too large", made.name.substr(0, 80)), line);
    return;
  }
  const Operand variable{.kind = OperandKind::shared, .index = static_cast<std::uint32_t>(module_.shared.size()), .elements = {}};
  module_.shared.push_back({.size = static_cast<std::uint32_t>(made.size()), .align = made.align});
  if (!scopes_.back().variables.try_emplace(made.name, variable).second) {
    tokens_.fail(fmt::format("variable \"{}\" is defined twice", made.name.substr(0, 80)), line);
  }
}

void BodyParser::declare_local() {
  const Token space = tokens_.take();
  const std::uint32_t line = space.line;
  do {
    const Declared made = read_declaration(tokens_, "a local variable");
    const std::uint64_t offset = aligned_up(frame_bytes_, std::min(made.align, kMostLocalAlign));
    if (offset + made.size() > kMaxFrameBytes || kernel_.locals.size() == kMaxRegisters) {
      tokens_.fail(
          fmt::format("the local variables of kernel \"{}\" are too many, or take more than {} bytes", kernel_.name, kMaxFrameBytes), line);
      return;
    }
    const Operand variable{.kind = OperandKind::local, .index = static_cast<std::uint32_t>(kernel_.locals.size()), .elements = {}};
    kernel_.locals.push_back({.offset = static_cast<std::uint32_t>(offset),
                              .size = static_cast<std::uint32_t>(made.size()),
                              .is_parameter = space.text == ".param"});
    frame_bytes_ = static_cast<std::uint32_t>(offset + made.size());
    kernel_.frame_bytes = std::max(kernel_.frame_bytes, frame_bytes_);
    if (!scopes_.back().variables.try_emplace(made.name, variable).second) {
      tokens_.fail(fmt::format("variable \"{}\" is defined twice", made.name.substr(0, 80)), line);
    }
  } while (tokens_.take_sign(','));
  tokens_.expect_sign(';', "a local variable");
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
  if (table(first.text)) {
    return;
  }
  if (!scopes_.back().labels.try_emplace(first.text, label_behind(0)).second) {
    tokens_.fail(fmt::format("label \"{}\" is defined twice", first.text.substr(0, 80)), first.line);
  }
}

/// A label `instructions` further on than the last one read.
std::uint32_t BodyParser::label_behind(std::uint32_t instructions) {
  label_positions_.push_back(static_cast<std::uint32_t>(kernel_.instructions.size()) + instructions);
  return static_cast<std::uint32_t>(label_positions_.size()) - 1;
}

/// Nothing for an opcode that this device does not know, or in a form that there is not.
const std::optional<OpcodeParts>& BodyParser::parts_of(std::string_view opcode) {
  const auto [found, added] = opcodes_.try_emplace(opcode);
  if (added && is_form(opcode)) {
    found->second = split_opcode(opcode);
  }
  return found->second;
}

void BodyParser::instruction(const Token& opcode, const std::optional<Guard>& guard) {
  const std::optional<OpcodeParts>& parts = parts_of(opcode.text);
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
                   .call = {},
                   .text = opcode.text};
  if (made.opcode == Opcode::brx) {
    return branch_by_index(opcode, guard);
  }
  if (guard && suspends(made.opcode)) {
    // Threads that do not take part go around it, as they would go around any other code.
    branch_around(*guard, 1, opcode);
    made.guard.reset();
  }
  if (made.opcode == Opcode::bra) {
    const std::uint32_t line = tokens_.peek().line;
    branch_to(tokens_.expect_word("a label"), line, made);
  } else if (made.opcode == Opcode::call) {
    call(made);
  } else if (!tokens_.at_sign(';')) {
    operands(made);
  }
  tokens_.expect_sign(';', "an instruction");
  if (tokens_.failed()) {
    return;
  }
  if (made.pair && made.opcode == Opcode::setp && (made.type == Type::f16 || made.type == Type::bf16)) {
    return refuse(fmt::format("opcode {} with two predicates", opcode.text.substr(0, 80)), opcode.line);
  }
  add(std::move(made));
}

void BodyParser::count_definitions(const Instruction& instruction) {
  const auto define = [&](const Operand& operand) {
    if (operand.kind == OperandKind::reg && !operand.address) {
      ++kernel_.registers[operand.index].definitions;
    }
  };
  if (instruction.call) {
    std::ranges::for_each(kernel_.calls[*instruction.call].results, define);
  }
  const std::size_t count = std::min(destinations_of(instruction), instruction.operands.size());
  for (std::size_t i = 0; i < count; ++i) {
    define(instruction.operands[i]);
    std::ranges::for_each(instruction.operands[i].elements, define);
  }
}

}  // namespace sublet::cpu
