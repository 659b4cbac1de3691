#include <algorithm>
#include <utility>

#include <fmt/format.h>

#include "gpu-worker/devices/cpu/ptx/body_parser.hpp"
#include "gpu-worker/devices/cpu/ptx/declaration.hpp"

namespace sublet::cpu {

namespace {

constexpr std::uint32_t kMaxFormalBytes = 32'764;
constexpr std::uint32_t kMostFormalAlign = 16;
constexpr std::size_t kMaxFormals = 256;
constexpr std::size_t kMaxBranchTargets = 4096;

}  // namespace

std::vector<Local> read_formals(TokenStream& tokens, std::uint32_t& bytes, std::vector<std::string_view>& names) {
  std::vector<Local> made;
  if (tokens.take_sign(')')) {
    return made;
  }
  do {
    const std::uint32_t line = tokens.peek().line;
    if (!tokens.take_directive(".param")) {
      tokens.fail_here("expected .param: the cpu device takes a function's parameters in .param space only");
      return made;
    }
    const Declared formal = read_declaration(tokens, "a parameter");
    const std::uint64_t offset = aligned_up(bytes, std::clamp(formal.align, 1U, kMostFormalAlign));
    if (made.size() == kMaxFormals || offset + formal.size() > kMaxFormalBytes) {
      tokens.fail(fmt::format("a function's parameters are more than {} or take more than {} bytes", kMaxFormals, kMaxFormalBytes), line);
      return made;
    }
    made.push_back({.offset = static_cast<std::uint32_t>(offset), .size = static_cast<std::uint32_t>(formal.size()), .is_parameter = true});
    bytes = static_cast<std::uint32_t>(offset + formal.size());
    names.push_back(formal.name);
  } while (tokens.take_sign(','));
  tokens.expect_sign(')', "a function's parameters");
  return made;
}

/// What may stand behind a name and a colon instead of code. False when it is a label after all.
bool BodyParser::table(std::string_view label) {
  if (tokens_.at_directive(".callprototype")) {
    prototype(label);
    return true;
  }
  const bool branches = tokens_.at_directive(".branchtargets");
  if (!branches && !tokens_.at_directive(".calltargets")) {
    return false;
  }
  tokens_.take();
  std::vector<std::string_view> targets;
  do {
    targets.push_back(tokens_.expect_word("a name"));
    if (targets.size() > kMaxBranchTargets) {
      tokens_.fail_here(fmt::format("a table of more than {} targets", kMaxBranchTargets));
    }
  } while (tokens_.take_sign(','));
  tokens_.expect_sign(';', "a table of targets");
  if (branches) {
    scopes_.back().branch_targets.insert_or_assign(label, std::move(targets));
  }
  return true;
}

void BodyParser::prototype(std::string_view label) {
  tokens_.take();
  Signature made;
  std::vector<std::string_view> names;
  if (tokens_.take_sign('(')) {
    made.results = read_formals(tokens_, made.bytes, names);
  }
  tokens_.expect_word("\"_\"");
  if (tokens_.take_sign('(')) {
    made.arguments = read_formals(tokens_, made.bytes, names);
  }
  while (tokens_.peek().kind == TokenKind::directive) {
    tokens_.take();  // .noreturn
  }
  tokens_.expect_sign(';', "a prototype");
  scopes_.back().prototypes.insert_or_assign(label, static_cast<std::uint32_t>(kernel_.prototypes.size()));
  kernel_.prototypes.push_back(std::move(made));
}

std::vector<Operand> BodyParser::call_list() {
  std::vector<Operand> made;
  if (tokens_.take_sign(')')) {
    return made;
  }
  do {
    made.push_back(operand());
    if (made.size() > kMaxFormals) {
      tokens_.fail_here(fmt::format("a call with more than {} operands", kMaxFormals));
    }
  } while (tokens_.take_sign(','));
  tokens_.expect_sign(')', "a call's operands");
  return made;
}

/// "call (result), function, (arguments), prototype;" of which all but the function may be missing.
void BodyParser::call(Instruction& into) {
  CallOperands made;
  if (tokens_.take_sign('(')) {
    made.results = call_list();
    tokens_.expect_sign(',', "a call's results");
  }
  const std::uint32_t line = tokens_.peek().line;
  const std::string_view callee = tokens_.expect_word("a function");
  if (const auto reg = registers_.find(callee)) {
    made.indirect = true;
    made.callee = *reg;
  } else if (const auto function = names_.functions.find(callee); function != names_.functions.end()) {
    made.callee = function->second;
  } else {
    tokens_.fail(fmt::format("function \"{}\" is not declared", callee.substr(0, 80)), line);
    return;
  }
  std::optional<std::string_view> prototype;
  while (tokens_.take_sign(',')) {
    if (tokens_.take_sign('(')) {
      made.arguments = call_list();
    } else {
      prototype = tokens_.expect_word("a prototype");
    }
  }
  if (made.indirect) {
    const std::uint32_t* const found = prototype ? find(&Scope::prototypes, *prototype) : nullptr;
    if (found == nullptr) {
      tokens_.fail("a call through a register needs the name of a .callprototype before it", line);
      return;
    }
    made.signature = *found;
  }
  into.call = static_cast<std::uint32_t>(kernel_.calls.size());
  kernel_.calls.push_back(std::move(made));
}

void BodyParser::branch_around(const Guard& guard, std::uint32_t instructions, const Token& opcode) {
  kernel_.instructions.push_back(
      {.opcode = Opcode::bra,
       .modifiers = {},
       .guard = Guard{.reg = guard.reg, .negated = !guard.negated},
       .line = opcode.line,
       .operands = {Operand{.kind = OperandKind::label, .index = label_behind(instructions + 1), .elements = {}}},
       .call = {},
       .text = opcode.text});
}

/// brx.idx: a chain of comparisons and branches, so that threads part and meet as at any other branch.
void BodyParser::branch_by_index(const Token& opcode, const std::optional<Guard>& guard) {
  const Operand index = operand();
  tokens_.expect_sign(',', "an index");
  const std::string_view table = tokens_.expect_word("a table of targets");
  tokens_.expect_sign(';', "an instruction");
  const auto* const targets = find(&Scope::branch_targets, table);
  if (targets == nullptr) {
    tokens_.fail(fmt::format("table \"{}\" is not declared before its use", table.substr(0, 80)), opcode.line);
  }
  if (tokens_.failed()) {
    return;
  }
  const auto count = static_cast<std::uint32_t>(targets->size());
  if (guard) {
    branch_around(*guard, 2 * count - 1, opcode);
  }
  const auto chosen = static_cast<std::uint32_t>(kernel_.registers.size());
  kernel_.registers.push_back({.type = Type::pred});
  for (std::uint32_t i = 0; i < count; ++i) {
    const bool last = i + 1 == count;
    if (!last) {
      Instruction compare{.opcode = Opcode::setp,
                          .modifiers = {},
                          .type = Type::u32,
                          .guard = {},
                          .line = opcode.line,
                          .operands = {Operand{.kind = OperandKind::reg, .index = chosen, .elements = {}}, index,
                                       Operand{.kind = OperandKind::integer, .bits = i, .elements = {}}},
                          .call = {},
                          .text = opcode.text};
      compare.modifiers.compare = Compare::eq;
      count_definitions(compare);
      kernel_.instructions.push_back(std::move(compare));
    }
    Instruction branch{
        .opcode = Opcode::bra, .modifiers = {}, .guard = {}, .line = opcode.line, .operands = {}, .call = {}, .text = opcode.text};
    if (!last) {
      branch.guard = Guard{.reg = chosen};
    }
    branch_to((*targets)[i], opcode.line, branch);
    kernel_.instructions.push_back(std::move(branch));
  }
}

}  // namespace sublet::cpu
