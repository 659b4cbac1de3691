#include "gpu-worker/devices/cpu/ptx/token_stream.hpp"

#include <utility>

#include <fmt/format.h>

namespace sublet::cpu {

namespace {

/// How a token is shown in a message: at most 40 printable characters of it.
std::string shown(const Token& token) {
  if (token.kind == TokenKind::end) {
    return "the end of the text";
  }
  std::string text;
  for (const char c : token.text.substr(0, 40)) {
    text += c >= ' ' && c < '\x7f' ? c : '?';
  }
  return "\"" + text + "\"";
}

}  // namespace

void TokenStream::check() {
  if (next_.kind == TokenKind::bad) {
    fail(fmt::format("{} is not PTX", shown(next_)), next_.line);
  }
}

void TokenStream::fail(std::string what, std::uint32_t line) {
  if (!error_) {
    error_ = Error{.code = ErrorCode::load_failed, .detail = fmt::format("{} (line {} of the PTX)", what, line)};
  }
  next_ = Token{.kind = TokenKind::end, .line = next_.line, .text = {}};
}

Token TokenStream::take() {
  const Token taken = next_;
  if (next_.kind != TokenKind::end) {
    next_ = lexer_.next();
    check();
  }
  return taken;
}

bool TokenStream::take_sign(char sign) {
  if (!at_sign(sign)) {
    return false;
  }
  take();
  return true;
}

bool TokenStream::take_directive(std::string_view name) {
  if (!at_directive(name)) {
    return false;
  }
  take();
  return true;
}

bool TokenStream::expect_sign(char sign, std::string_view after) {
  if (take_sign(sign)) {
    return true;
  }
  fail_here(fmt::format("expected '{}' after {}, found {}", sign, after, shown(next_)));
  return false;
}

std::string_view TokenStream::expect_word(std::string_view what) {
  if (next_.kind == TokenKind::word) {
    return take().text;
  }
  fail_here(fmt::format("expected {}, found {}", what, shown(next_)));
  return {};
}

std::uint64_t TokenStream::expect_integer(std::string_view what) {
  if (next_.kind == TokenKind::integer) {
    return take().bits;
  }
  fail_here(fmt::format("expected {}, found {}", what, shown(next_)));
  return 0;
}

void TokenStream::skip_line() {
  const std::uint32_t line = next_.line;
  while (!at_end() && next_.line == line) {
    take();
  }
}

void TokenStream::skip_statement() {
  while (!at_end() && !take_sign(';')) {
    take();
  }
}

void TokenStream::skip_braces() {
  while (!at_end() && !at_sign('{')) {
    take();
  }
  std::uint32_t depth = 0;
  do {
    if (at_sign('{')) {
      ++depth;
    } else if (at_sign('}')) {
      --depth;
    }
    take();
  } while (depth != 0 && !at_end());
}

}  // namespace sublet::cpu
