#include "gpu-worker/devices/cpu/ptx/initial_values.hpp"

#include <array>
#include <bit>
#include <cstring>

#include <fmt/format.h>

namespace sublet::cpu {

void InitialValues::read(Variable& into, Declared& made, std::uint32_t variable) {
  const bool list = tokens_.take_sign('{');
  do {
    const bool inner = list && tokens_.take_sign('{');
    value(into, made.type, variable);
    if (inner) {
      while (tokens_.take_sign(',')) {
        value(into, made.type, variable);
      }
      tokens_.expect_sign('}', "initial values");
    }
  } while (list && tokens_.take_sign(','));
  if (list) {
    tokens_.expect_sign('}', "initial values");
  }
  if (made.array && made.count == 0) {
    made.count = into.initial.size() / width_of(made.type);
    into.size = into.initial.size();
  }
  if (into.initial.size() > into.size) {
    tokens_.fail_here(fmt::format("variable \"{}\" has more initial values than elements", into.name.substr(0, 80)));
  }
}

void InitialValues::value(Variable& into, Type type, std::uint32_t variable) {
  const bool minus = tokens_.take_sign('-');
  if (!minus && tokens_.peek().kind == TokenKind::word) {
    return address(into, type, variable, ~std::uint64_t{0});
  }
  const Token token = tokens_.take();
  if (token.kind == TokenKind::integer && tokens_.take_sign('(')) {
    // "0xFF00(name)": that byte of an address.
    address(into, type, variable, token.bits);
    tokens_.expect_sign(')', "an address");
    return;
  }
  number(into, type, token, minus);
}

void InitialValues::number(Variable& into, Type type, const Token& token, bool minus) {
  std::uint64_t bits = token.bits;
  if (token.kind == TokenKind::float64 && type == Type::f32) {
    bits = std::bit_cast<std::uint32_t>(static_cast<float>(std::bit_cast<double>(bits)));
  }
  if (token.kind == TokenKind::integer) {
    bits = minus ? 0 - bits : bits;
  } else if (token.kind == TokenKind::float32 || token.kind == TokenKind::float64) {
    bits ^= minus ? 1ULL << (width_of(type) * 8 - 1) : 0;
  } else {
    tokens_.fail(fmt::format("the initial value of \"{}\" is neither a number nor an address", into.name.substr(0, 80)), token.line);
    return;
  }
  std::array<std::byte, 8> bytes{};
  std::memcpy(bytes.data(), &bits, bytes.size());
  into.initial.insert(into.initial.end(), bytes.begin(), bytes.begin() + width_of(type));
}

/// "name", "name+8", "generic(name)+8".
void InitialValues::address(Variable& into, Type type, std::uint32_t variable, std::uint64_t mask) {
  Named made{.variable = variable, .name = tokens_.expect_word("a name"), .address = {}, .line = tokens_.peek().line};
  if (made.name == "generic" && tokens_.take_sign('(')) {
    made.name = tokens_.expect_word("a name");
    tokens_.expect_sign(')', "an address");
  }
  const bool minus = tokens_.at_sign('-');
  if (minus || tokens_.at_sign('+')) {
    tokens_.take();
    const std::uint64_t moved = tokens_.expect_integer("an offset");
    made.address.addend = minus ? 0 - moved : moved;
  }
  made.address.offset = static_cast<std::uint32_t>(into.initial.size());
  made.address.bytes = static_cast<std::uint8_t>(width_of(type));
  made.address.shift = mask == 0 ? 0 : static_cast<std::uint8_t>(std::countr_zero(mask));
  into.initial.resize(into.initial.size() + width_of(type));
  named_.push_back(made);
}

void InitialValues::resolve(Module& module, const ModuleNames& names) {
  for (Named& named : named_) {
    if (named.variable >= module.variables.size()) {
      continue;  // The variable was refused.
    }
    if (const auto found = names.variables.find(named.name); found != names.variables.end()) {
      named.address.kind = OperandKind::variable;
      named.address.index = found->second;
    } else if (const auto function = names.functions.find(named.name); function != names.functions.end()) {
      named.address.kind = OperandKind::function;
      named.address.index = function->second;
      module.functions[function->second].address_taken = true;
    } else if (!names.refused.contains(named.name)) {
      tokens_.fail(fmt::format("\"{}\", whose address is an initial value, is not declared", named.name.substr(0, 80)), named.line);
      return;
    }
    module.variables[named.variable].addresses.push_back(named.address);
  }
}

}  // namespace sublet::cpu
