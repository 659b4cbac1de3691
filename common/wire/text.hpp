#pragma once

// Which texts may stand in which field of a message.

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

namespace sublet::wire {

enum class TextRule {
  identifier,  ///< [A-Za-z0-9._-], 1 to 64 of them, not "." or ".."
  label,       ///< up to 1,024 bytes of UTF-8 without control characters
  prose,       ///< up to `Limits::max_text` bytes of UTF-8; newline and tab are its only control characters
};

inline constexpr std::size_t kMaxIdentifier = 64;
inline constexpr std::size_t kMaxLabel = 1024;

/// Rules go by the field's name, the same in every message.
constexpr TextRule rule_of(std::string_view field) {
  if (field == "queue" || field == "tenant") return TextRule::identifier;
  if (field == "detail" || field == "error_detail") return TextRule::prose;
  return TextRule::label;
}

/// What is wrong with `text` and what would be right; nothing when it may stand there.
/// @param max_prose  bytes that prose may have
std::optional<std::string> text_fault(TextRule rule, std::string_view text, std::size_t max_prose);

/// `text` as prose: cut to `max_bytes` at a character's edge, "?" for every byte that may not stand there.
std::string to_prose(std::string_view text, std::size_t max_bytes);

/// For error texts: at most 48 bytes of what a peer sent, in quotes, on one line, safe to print.
std::string quoted(std::string_view text);

}  // namespace sublet::wire
