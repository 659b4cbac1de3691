#include "gpu-worker/devices/cpu/ptx/lexer.hpp"

#include <bit>
#include <charconv>

namespace sublet::cpu {

namespace {

bool is_digit(char c) { return c >= '0' && c <= '9'; }
bool is_letter(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); }
bool starts_word(char c) { return is_letter(c) || c == '_' || c == '$' || c == '%'; }
bool continues_word(char c) { return is_letter(c) || is_digit(c) || c == '_' || c == '$'; }

/// Reads all of `digits` in `base`, or nothing.
bool parse_integer(std::string_view digits, int base, std::uint64_t& value) {
  const char* const last = digits.data() + digits.size();
  const auto [end, error] = std::from_chars(digits.data(), last, value, base);
  return error == std::errc() && end == last && !digits.empty();
}

}  // namespace

Token Lexer::token(TokenKind kind, std::size_t start) const {
  return {.kind = kind, .sign = 0, .line = line_, .text = source_.substr(start, at_ - start), .bits = 0};
}

void Lexer::skip_blanks() {
  while (at_ < source_.size()) {
    const char c = source_[at_];
    if (c == '\n') {
      ++line_;
      ++at_;
    } else if (c == ' ' || c == '\t' || c == '\r') {
      ++at_;
    } else if (c == '/' && peek(1) == '/') {
      at_ = std::min(source_.find('\n', at_), source_.size());
    } else if (c == '/' && peek(1) == '*') {
      const std::size_t end = std::min(source_.find("*/", at_ + 2), source_.size());
      for (; at_ < end; ++at_) {
        line_ += source_[at_] == '\n' ? 1 : 0;
      }
      at_ = std::min(end + 2, source_.size());
    } else {
      return;
    }
  }
}

Token Lexer::next() {
  skip_blanks();
  const std::size_t start = at_;
  if (at_ == source_.size()) {
    return token(TokenKind::end, start);
  }
  const char c = source_[at_];
  if (starts_word(c)) {
    return word(start, TokenKind::word);
  }
  if (c == '.' && (is_letter(peek(1)) || peek(1) == '_')) {
    ++at_;
    return word(start, TokenKind::directive);
  }
  if (is_digit(c)) {
    return number(start);
  }
  if (c == '"') {
    return text(start);
  }
  ++at_;
  constexpr std::string_view kSigns = ",;:(){}[]<>@!|+-=";
  Token result = token(kSigns.find(c) == std::string_view::npos ? TokenKind::bad : TokenKind::sign, start);
  result.sign = c;
  return result;
}

Token Lexer::word(std::size_t start, TokenKind kind) {
  // A dot continues an opcode or a special register (%tid.x) only when a name follows at once; "::" stands inside a modifier
  // (L1::no_allocate).
  for (;;) {
    const char c = peek();
    if (continues_word(c) || (c == '%' && at_ == start)) {
      ++at_;
    } else if (c == '.' && kind == TokenKind::word && continues_word(peek(1))) {
      at_ += 2;
    } else if (c == ':' && peek(1) == ':' && continues_word(peek(2))) {
      at_ += 3;
    } else {
      return token(kind, start);
    }
  }
}

Token Lexer::number(std::size_t start) {
  while (continues_word(peek()) || peek() == '.' ||
         ((peek() == '+' || peek() == '-') && (peek(-1) == 'e' || peek(-1) == 'E') && source_[start] != '0')) {
    ++at_;
  }
  Token result = token(TokenKind::integer, start);
  std::string_view digits = result.text;
  const char second = digits.size() > 1 ? digits[1] : '\0';
  bool good = false;
  if (digits[0] == '0' && (second == 'f' || second == 'F')) {
    result.kind = TokenKind::float32;
    good = digits.size() == 10 && parse_integer(digits.substr(2), 16, result.bits);
  } else if (digits[0] == '0' && (second == 'd' || second == 'D')) {
    result.kind = TokenKind::float64;
    good = digits.size() == 18 && parse_integer(digits.substr(2), 16, result.bits);
  } else if (digits.find('.') != std::string_view::npos || (digits[0] != '0' && digits.find_first_of("eE") != std::string_view::npos)) {
    result.kind = TokenKind::float64;
    double value = 0;
    const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), value);
    good = error == std::errc() && end == digits.data() + digits.size();
    result.bits = std::bit_cast<std::uint64_t>(value);
  } else {
    if (digits.back() == 'U') {
      digits.remove_suffix(1);
    }
    if (second == 'x' || second == 'X') {
      good = parse_integer(digits.substr(2), 16, result.bits);
    } else if (second == 'b' || second == 'B') {
      good = parse_integer(digits.substr(2), 2, result.bits);
    } else {
      good = parse_integer(digits, digits[0] == '0' ? 8 : 10, result.bits);
    }
  }
  if (!good) {
    result.kind = TokenKind::bad;
  }
  return result;
}

Token Lexer::text(std::size_t start) {
  ++at_;
  while (at_ < source_.size() && source_[at_] != '"' && source_[at_] != '\n') {
    ++at_;
  }
  Token result = token(TokenKind::text, start + 1);
  result.text = source_.substr(start + 1, at_ - start - 1);
  if (peek() != '"') {
    result.kind = TokenKind::bad;
    return result;
  }
  ++at_;
  return result;
}

}  // namespace sublet::cpu
