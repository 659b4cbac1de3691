#pragma once

#include <cstddef>
#include <cstdio>
#include <string>
#include <string_view>

#include "common/error.hpp"
#include "producer/cli/exit_code.hpp"

namespace sublet::cli {

/// Where a verb writes: results to `out`, everything that is said along the way to `err`.
class Console {
 public:
  /// The process's own stdout and stderr, as the environment (NO_COLOR, TERM) and the terminals say.
  static Console standard();
  /// For tests: plain files of 80 columns.
  Console(std::FILE* out, std::FILE* err) : out_(out), err_(err) {}

  [[nodiscard]] bool err_is_terminal() const { return err_terminal_; }
  /// Columns of a table on `out`: the terminal's, 80 when `out` is none.
  [[nodiscard]] std::size_t width() const { return width_; }

  /// Columns of the terminal that `err` is.
  [[nodiscard]] std::size_t bar_width() const;

  void print(std::string_view text) const;
  /// Results that take the place of the former ones on a terminal, and follow them elsewhere.
  void redraw(std::string_view text) const;
  /// A line on `err`; takes the place of a progress bar that stands there.
  void say(std::string_view line);
  /// Shows `line` in place of the last one, on a terminal; "" takes it away.
  void bar(std::string_view line);
  /// An error and its hint on `err`; answers the exit code of `error`.
  ExitCode complain(const Error& error, std::string_view hint = {});

 private:
  enum class Colour { bad, dim };

  /// `text` in that colour, where `err` is a terminal that shows colours.
  [[nodiscard]] std::string paint(std::string_view text, Colour colour) const;

  std::FILE* out_;
  std::FILE* err_;
  bool out_terminal_ = false;
  bool err_terminal_ = false;
  bool colours_ = false;
  std::size_t width_ = 80;
  bool bar_shown_ = false;
};

}  // namespace sublet::cli
