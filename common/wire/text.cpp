#include "common/wire/text.hpp"

#include <algorithm>
#include <cstdint>

#include <fmt/format.h>

namespace sublet::wire {
namespace {

constexpr std::size_t kMaxQuoted = 48;

bool is_identifier_character(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.' || c == '_' || c == '-';
}

/// The code point that starts at `at`, and its length; nothing when the bytes there are not UTF-8 (RFC 3629: no overlong forms, no
/// surrogates).
struct CodePoint {
  std::uint32_t value = 0;
  std::size_t length = 0;
};

std::optional<CodePoint> code_point(std::string_view text, std::size_t at) {
  const auto byte = [&](std::size_t i) { return static_cast<std::uint8_t>(text[i]); };
  const std::uint8_t lead = byte(at);
  if (lead < 0x80) return CodePoint{lead, 1};
  const std::size_t length = lead >= 0xf0 ? 4 : lead >= 0xe0 ? 3 : 2;
  if (lead < 0xc2 || lead > 0xf4 || text.size() - at < length) return std::nullopt;
  std::uint32_t value = lead & (0x7fU >> length);
  for (std::size_t i = 1; i < length; ++i) {
    if ((byte(at + i) & 0xc0U) != 0x80U) return std::nullopt;
    value = (value << 6U) | (byte(at + i) & 0x3fU);
  }
  constexpr std::uint32_t kSmallest[] = {0, 0, 0x80, 0x800, 0x10000};
  const bool is_surrogate = value >= 0xd800 && value <= 0xdfff;
  if (value < kSmallest[length] || value > 0x10ffff || is_surrogate) return std::nullopt;
  return CodePoint{value, length};
}

bool is_control(std::uint32_t value) { return value < 0x20 || (value >= 0x7f && value <= 0x9f); }

bool may_stand(std::uint32_t value, bool is_prose) { return !is_control(value) || (is_prose && (value == '\n' || value == '\t')); }

std::optional<std::string> identifier_fault(std::string_view text) {
  const bool fits = !text.empty() && text.size() <= kMaxIdentifier && std::ranges::all_of(text, is_identifier_character);
  if (fits && text != "." && text != "..") return std::nullopt;
  return fmt::format("{} is no name; use 1 to {} of A-Z a-z 0-9 . _ -", quoted(text), kMaxIdentifier);
}

}  // namespace

std::optional<std::string> text_fault(TextRule rule, std::string_view text, std::size_t max_prose) {
  if (rule == TextRule::identifier) return identifier_fault(text);
  const bool is_prose = rule == TextRule::prose;
  const auto most = is_prose ? max_prose : kMaxLabel;
  if (text.size() > most) return fmt::format("a text of {} bytes; at most {} may stand here", text.size(), most);
  for (std::size_t at = 0; at < text.size();) {
    const auto point = code_point(text, at);
    if (!point) return fmt::format("byte {} is not UTF-8 (0x{:02x})", at, static_cast<std::uint8_t>(text[at]));
    if (!may_stand(point->value, is_prose)) return fmt::format("byte {} is a control character (U+{:04X})", at, point->value);
    at += point->length;
  }
  return std::nullopt;
}

std::string to_prose(std::string_view text, std::size_t max_bytes) {
  std::string prose;
  prose.reserve(std::min(text.size(), max_bytes));
  for (std::size_t at = 0; at < text.size();) {
    const auto point = code_point(text, at);
    const bool keeps = point && may_stand(point->value, true);
    const auto length = point ? point->length : 1;
    const auto piece = keeps ? text.substr(at, length) : std::string_view("?");
    if (prose.size() + piece.size() > max_bytes) break;
    prose += piece;
    at += length;
  }
  return prose;
}

std::string quoted(std::string_view text) {
  auto shown = to_prose(text, kMaxQuoted);
  std::ranges::replace_if(shown, [](char c) { return c == '\n' || c == '\t'; }, '?');
  const bool is_whole = text.size() <= kMaxQuoted;
  return fmt::format("\"{}{}\"", shown, is_whole ? "" : "…");
}

}  // namespace sublet::wire
