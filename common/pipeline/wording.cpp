#include "common/pipeline/wording.hpp"

#include <utility>

namespace sublet {

std::string in_quotes(std::string_view text) {
  constexpr std::size_t kLongest = 80;
  std::string result = "\"";
  for (const char c : text.substr(0, kLongest)) result += c >= ' ' && c <= '~' ? c : '?';
  result += text.size() > kLongest ? "\"…" : "\"";
  return result;
}

std::unexpected<Error> fail_in(std::string_view where, Error error) {
  error.detail = std::string(where) + ": " + error.detail;
  return std::unexpected(std::move(error));
}

std::string_view trimmed(std::string_view text) {
  constexpr std::string_view kBlanks = " \t\r\n";
  const auto first = text.find_first_not_of(kBlanks);
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(kBlanks) - first + 1);
}

}  // namespace sublet
