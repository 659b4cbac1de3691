#pragma once

#include <cstdint>
#include <deque>
#include <string>
#include <string_view>

#include <fmt/format.h>

#include "common/time.hpp"
#include "common/wire/messages.hpp"

namespace sublet::sim {

/// What happened, one line per event: time, party, what. Costs nothing while it is off.
class Trace {
 public:
  enum class Mode : std::uint8_t { off, keep_last, print };

  explicit Trace(Mode mode) : mode_(mode) {}

  [[nodiscard]] bool on() const { return mode_ != Mode::off; }
  template <class... Args>
  void line(Instant now, std::string_view party, fmt::format_string<Args...> format, Args&&... args) {
    if (on()) add(now, party, fmt::format(format, std::forward<Args>(args)...));
  }
  [[nodiscard]] const std::deque<std::string>& last() const { return last_; }

 private:
  void add(Instant now, std::string_view party, const std::string& text);

  Mode mode_;
  std::deque<std::string> last_;
};

/// A message in one line: its name and what matters in it.
std::string text_of(const wire::Message& message);

}  // namespace sublet::sim
