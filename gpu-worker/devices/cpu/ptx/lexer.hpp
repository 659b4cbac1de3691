#pragma once

#include <cstdint>
#include <string_view>

namespace sublet::cpu {

enum class TokenKind : std::uint8_t {
  end,
  word,       ///< an opcode with all its modifiers, a register, a label, a name
  directive,  ///< ".reg"
  integer,    ///< value in `bits`
  float32,    ///< 0f3F800000, its bits in `bits`
  float64,    ///< 0d3FF0000000000000 or 1.5, its bits in `bits`
  text,       ///< a string, without its quotes
  sign,       ///< one character of punctuation, in `sign`
  bad,        ///< a character or literal that PTX does not have; the rest of the input stays unread
};

struct Token {
  TokenKind kind = TokenKind::end;
  char sign = 0;
  std::uint32_t line = 1;
  std::string_view text;
  std::uint64_t bits = 0;
};

/// Cuts PTX text into tokens; views point into the text.
class Lexer {
 public:
  explicit Lexer(std::string_view source) : source_(source) {}

  Token next();

 private:
  void skip_blanks();
  Token word(std::size_t start, TokenKind kind);
  Token number(std::size_t start);
  Token text(std::size_t start);
  [[nodiscard]] Token token(TokenKind kind, std::size_t start) const;
  [[nodiscard]] char peek(std::size_t ahead = 0) const { return at_ + ahead < source_.size() ? source_[at_ + ahead] : '\0'; }

  std::string_view source_;
  std::size_t at_ = 0;
  std::uint32_t line_ = 1;
};

}  // namespace sublet::cpu
