#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "common/error.hpp"
#include "gpu-worker/devices/cpu/ptx/lexer.hpp"

namespace sublet::cpu {

/// One token of look-ahead over the lexer, and the first thing that was wrong. After a failure the stream is at its end, so every loop over
/// it finishes by itself.
class TokenStream {
 public:
  explicit TokenStream(std::string_view source) : lexer_(source), next_(lexer_.next()) { check(); }

  [[nodiscard]] const Token& peek() const { return next_; }
  [[nodiscard]] bool at_end() const { return next_.kind == TokenKind::end; }
  [[nodiscard]] bool at_sign(char sign) const { return next_.kind == TokenKind::sign && next_.sign == sign; }
  [[nodiscard]] bool at_directive(std::string_view name) const { return next_.kind == TokenKind::directive && next_.text == name; }

  Token take();
  bool take_sign(char sign);
  bool take_directive(std::string_view name);

  /// The wanted token, or a failure that says what was wanted `after` what.
  bool expect_sign(char sign, std::string_view after);
  std::string_view expect_word(std::string_view what);
  std::uint64_t expect_integer(std::string_view what);

  /// Skips what a debugger or an assembler would read: up to the end of this line; past the next `;`; past the braces that open next.
  void skip_line();
  void skip_statement();
  void skip_braces();

  /// Notes `what` as the reason, unless there is one already.
  void fail(std::string what, std::uint32_t line);
  void fail_here(std::string what) { fail(std::move(what), next_.line); }
  [[nodiscard]] bool failed() const { return error_.has_value(); }
  [[nodiscard]] const std::optional<Error>& error() const { return error_; }

 private:
  void check();

  Lexer lexer_;
  Token next_;
  std::optional<Error> error_;
};

}  // namespace sublet::cpu
