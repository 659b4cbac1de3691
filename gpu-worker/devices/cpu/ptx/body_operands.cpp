#include <algorithm>
#include <array>
#include <utility>

#include <fmt/format.h>

#include "gpu-worker/devices/cpu/ptx/body_parser.hpp"

namespace sublet::cpu {

namespace {

constexpr std::size_t kMaxOperands = 8;

bool is_absent_special_register(std::string_view name) {
  constexpr std::array<std::string_view, 8> kPrefixes = {"%envreg",        "%pm",        "%cluster",      "%ncluster", "%is_explicit",
                                                         "%reserved_smem", "%aggr_smem", "%current_graph"};
  return std::ranges::any_of(kPrefixes, [&](std::string_view prefix) { return name.starts_with(prefix); });
}

}  // namespace

/// Lets `into`, the next instruction to be added, go to `label`.
void BodyParser::branch_to(std::string_view label, std::uint32_t line, Instruction& into) {
  scopes_.back().pending.push_back({.label = label, .instruction = static_cast<std::uint32_t>(kernel_.instructions.size()), .line = line});
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
  if (const auto variable = variable_named(token.text)) {
    return *variable;
  }
  if (token.text == "WARP_SZ") {
    return Operand{.kind = OperandKind::integer, .bits = 32, .elements = {}};
  }
  if (is_absent_special_register(token.text)) {
    refuse(fmt::format("special register {}", token.text.substr(0, 80)), token.line);
  } else if (!names_.refused.contains(token.text)) {
    tokens_.fail(fmt::format("\"{}\" is not declared in kernel \"{}\"", token.text.substr(0, 80), kernel_.name), token.line);
  }
  return Operand{.kind = OperandKind::integer, .elements = {}};
}

std::optional<Operand> BodyParser::variable_named(std::string_view name) {
  if (const Operand* const found = find(&Scope::variables, name)) {
    return *found;
  }
  const auto in = [&](const auto& names, OperandKind kind) -> std::optional<Operand> {
    const auto found = names.find(name);
    return found == names.end() ? std::nullopt : std::optional(Operand{.kind = kind, .index = found->second, .elements = {}});
  };
  if (const auto found = in(parameters_, OperandKind::parameter)) {
    return found;
  }
  if (const auto found = in(names_.variables, OperandKind::variable)) {
    return found;
  }
  if (const auto found = in(names_.shared, OperandKind::shared)) {
    return found;
  }
  const auto function = in(names_.functions, OperandKind::function);
  if (function) {
    module_.functions[function->index].address_taken = true;
  }
  return function;
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

}  // namespace sublet::cpu
