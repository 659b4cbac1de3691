#include "producer/cli/console.hpp"

#include <algorithm>
#include <cstdlib>

#include <fmt/format.h>
#include <sys/ioctl.h>
#include <unistd.h>

namespace sublet::cli {
namespace {

/// Narrower than this no table makes sense, and a terminal that claims it is mistaken.
constexpr std::size_t kNarrowest = 40;

std::size_t terminal_width(int fd) {
  winsize size{};
  if (::ioctl(fd, TIOCGWINSZ, &size) != 0 || size.ws_col == 0) return 80;
  return std::max<std::size_t>(size.ws_col, kNarrowest);
}

bool wants_colours() {
  const char* refused = std::getenv("NO_COLOR");
  const char* terminal = std::getenv("TERM");
  return (refused == nullptr || *refused == '\0') && terminal != nullptr && std::string_view(terminal) != "dumb";
}

}  // namespace

Console Console::standard() {
  Console console(stdout, stderr);
  console.out_terminal_ = ::isatty(STDOUT_FILENO) == 1;
  console.err_terminal_ = ::isatty(STDERR_FILENO) == 1;
  console.colours_ = console.err_terminal_ && wants_colours();
  if (console.out_terminal_) {
    console.width_ = terminal_width(STDOUT_FILENO);
  } else if (console.err_terminal_) {
    console.width_ = terminal_width(STDERR_FILENO);
  }
  return console;
}

// Asked each time, since a window may be made wider while a bar stands in it.
std::size_t Console::bar_width() const { return err_terminal_ ? terminal_width(::fileno(err_)) : width_; }

void Console::print(std::string_view text) const {
  std::fwrite(text.data(), 1, text.size(), out_);
  std::fflush(out_);
}

void Console::say(std::string_view line) {
  bar("");
  fmt::print(err_, "{}\n", line);
  std::fflush(err_);
}

void Console::redraw(std::string_view text) const {
  // To the upper left corner, and everything below erased.
  if (out_terminal_) fmt::print(out_, "\x1b[H\x1b[J");
  print(text);
}

void Console::bar(std::string_view line) {
  if (!err_terminal_ || (line.empty() && !bar_shown_)) return;
  // Back to the first column, the text, and the rest of the line erased.
  fmt::print(err_, "\r{}\x1b[K", line);
  std::fflush(err_);
  bar_shown_ = !line.empty();
}

ExitCode Console::complain(const Error& error, std::string_view hint) {
  bar("");
  const auto lines = error_lines(error, hint);
  const auto end = lines.find('\n') + 1;
  fmt::print(err_, "{}{}", paint(lines.substr(0, end), Colour::bad), paint(lines.substr(end), Colour::dim));
  std::fflush(err_);
  return exit_code_of(error.code);
}

std::string Console::paint(std::string_view text, Colour colour) const {
  if (!colours_ || text.empty()) return std::string(text);
  return fmt::format("\x1b[{}m{}\x1b[0m", colour == Colour::bad ? "31" : "2", text);
}

}  // namespace sublet::cli
