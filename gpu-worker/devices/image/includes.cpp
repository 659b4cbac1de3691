#include "gpu-worker/devices/image/includes.hpp"

#include <algorithm>
#include <array>
#include <string>

#include <fmt/format.h>

namespace sublet::image {
namespace {

bool in_word(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_'; }

/// With lines that end in a backslash, or in what once stood for one, joined to the next: `#inc\` and `lude` are one word.
std::string joined_lines(std::string_view source) {
  std::string joined;
  joined.reserve(source.size());
  while (!source.empty()) {
    const std::size_t backslash = source.starts_with('\\') ? 1 : source.starts_with("\?\?/") ? 3 : 0;
    if (backslash != 0) {
      const std::size_t end = std::min(source.find_first_not_of(" \t\v\f\r", backslash), source.size());
      if (source.substr(end).starts_with('\n')) {
        source.remove_prefix(end + 1);
        continue;
      }
    }
    joined += source.front();
    source.remove_prefix(1);
  }
  return joined;
}

std::string_view without_blanks(std::string_view text) {
  while (true) {
    text.remove_prefix(std::min(text.find_first_not_of(" \t\v\f\r\n"), text.size()));
    if (!text.starts_with("/*")) {
      return text;
    }
    const std::size_t end = text.find("*/", 2);
    text.remove_prefix(end == std::string_view::npos ? text.size() : end + 2);
  }
}

std::string_view first_word(std::string_view text) {
  return text.substr(0, static_cast<std::size_t>(std::ranges::find_if_not(text, in_word) - text.begin()));
}

/// `<cuda_fp16.h>`, but not `</etc/passwd>`.
bool is_own_header(std::string_view text) {
  if (!text.starts_with('<')) {
    return false;
  }
  const std::string_view name = text.substr(1, text.find('>') - 1);
  const auto plain = [](char c) { return in_word(c) || c == '.' || c == '/' || c == '-' || c == '+'; };
  return name.size() + 1 < text.size() && !name.starts_with('/') && name.find("..") == std::string_view::npos &&
         std::ranges::all_of(name, plain);
}

/// Past `#`, also as it is written on keyboards without one.
std::string_view past_hash(std::string_view text) {
  constexpr std::array<std::string_view, 3> kHashes = {"#", "%:", "\?\?="};
  const auto* const found = std::ranges::find_if(kHashes, [&](std::string_view hash) { return text.starts_with(hash); });
  return found == kHashes.end() ? std::string_view() : text.substr(found->size());
}

/// Whether a directive or an operator that takes a file begins `text`, and one that may not be taken is given to it.
bool names_a_file(std::string_view text) {
  constexpr std::array<std::string_view, 4> kDirectives = {"include", "include_next", "import", "embed"};
  constexpr std::array<std::string_view, 3> kOperators = {"__has_include", "__has_include_next", "__has_embed"};
  if (const std::string_view word = first_word(text); std::ranges::find(kOperators, word) != kOperators.end()) {
    const std::string_view rest = without_blanks(text.substr(word.size()));
    return !rest.starts_with('(') || !is_own_header(without_blanks(rest.substr(1)));
  }
  const std::string_view directive = without_blanks(past_hash(text));
  const std::string_view word = first_word(directive);
  return std::ranges::find(kDirectives, word) != kDirectives.end() && !is_own_header(without_blanks(directive.substr(word.size())));
}

}  // namespace

Result<void> check_includes(std::string_view source) {
  const std::string joined = joined_lines(source);
  bool inside_word = false;
  for (std::size_t at = 0; at < joined.size(); ++at) {
    const char c = joined[at];
    const bool begins = c == '#' || c == '%' || c == '?' || (c == '_' && !inside_word);
    inside_word = in_word(c);
    const std::string_view rest = std::string_view(joined).substr(at);
    if (begins && names_a_file(rest)) {
      return fail(ErrorCode::load_failed,
                  fmt::format("the module names a file, and a source is compiled without any: {}; put the file's text into the module, or "
                              "compile it with nvcc --ptx and name the .ptx",
                              rest.substr(0, std::min<std::size_t>(rest.find('\n'), 80))));
    }
  }
  return {};
}

}  // namespace sublet::image
