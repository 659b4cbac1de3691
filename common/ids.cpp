#include "common/ids.hpp"

#include <charconv>

#include <fmt/format.h>

namespace sublet {

std::string to_hex(std::uint64_t value) { return fmt::format("{:016x}", value); }

std::optional<std::uint64_t> from_hex(std::string_view digits) {
  constexpr std::size_t kMostDigits = 16;
  constexpr int kHexadecimal = 16;
  std::uint64_t value = 0;
  const auto* begin = digits.data();
  const auto* end = begin + digits.size();
  const auto result = std::from_chars(begin, end, value, kHexadecimal);
  if (digits.size() > kMostDigits || result.ec != std::errc{} || result.ptr != end) return std::nullopt;
  return value;
}

std::string to_hex(const ContentHash& content) {
  std::string text;
  for (const auto word : content.words) text += to_hex(word);
  return text;
}

}  // namespace sublet
