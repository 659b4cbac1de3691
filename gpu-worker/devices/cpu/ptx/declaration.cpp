#include "gpu-worker/devices/cpu/ptx/declaration.hpp"

#include <bit>

#include <fmt/format.h>

namespace sublet::cpu {

namespace {

constexpr std::uint64_t kMaxAlign = 4096;

}  // namespace

Declared read_declaration(TokenStream& tokens, std::string_view what) {
  Declared made;
  std::uint64_t vector = 1;
  while (tokens.peek().kind == TokenKind::directive) {
    const Token token = tokens.take();
    if (token.text == ".align") {
      const std::uint64_t align = tokens.expect_integer("an alignment");
      if (!std::has_single_bit(align) || align > kMaxAlign) {
        tokens.fail(fmt::format("the alignment of {} must be a power of two up to {}", what, kMaxAlign), token.line);
        continue;
      }
      // Behind .ptr stands what the pointer points to, not the parameter.
      made.align = made.pointer ? made.align : static_cast<std::uint32_t>(align);
    } else if (token.text == ".ptr") {
      made.pointer = true;
    } else if (token.text == ".v2" || token.text == ".v4") {
      vector = token.text == ".v2" ? 2 : 4;
    } else if (const auto type = type_named(token.text.substr(1)); type && *type != Type::pred) {
      made.type = *type;
    } else if (!made.pointer && token.text != ".attribute") {
      tokens.fail(fmt::format("{} of type {} is not supported by the cpu device", what, token.text.substr(0, 40)), token.line);
    }
  }
  made.name = tokens.expect_word("a name");
  made.count = vector;
  while (tokens.take_sign('[')) {
    const std::uint64_t size = tokens.at_sign(']') ? 0 : tokens.expect_integer("a size");
    tokens.expect_sign(']', "a size");
    made.array = true;
    if (__builtin_mul_overflow(made.count, size, &made.count)) {
      tokens.fail_here(fmt::format("{} is too large", what));
    }
  }
  if (made.type == Type::none) {
    tokens.fail_here(fmt::format("{} has no type", what));
  }
  made.align = std::max(made.align, width_of(made.type) * static_cast<std::uint32_t>(vector));
  return made;
}

}  // namespace sublet::cpu
