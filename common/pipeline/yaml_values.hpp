#pragma once

// How this folder reads a YAML tree: maps whose keys are known, texts and numbers. Errors name the line.

#include <charconv>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "common/error.hpp"
#include "common/pipeline/yaml_tree.hpp"

namespace sublet {

std::unexpected<Error> refuse(const YamlNode& node, std::string_view problem);

/// A map whose keys are plain, different and among `known`; any keys when `known` is empty.
Result<void> check_map(const YamlNode& node, std::string_view what, std::span<const std::string_view> known);

/// What stands under `key`, or nothing.
const YamlNode* find(const YamlNode& map, std::string_view key);

/// Sets `into` when the key is there; an empty text would look as if it were not.
Result<void> read_text(const YamlNode& map, std::string_view key, std::string& into);

Result<void> read_u32(const YamlNode& map, std::string_view key, std::uint32_t& into);

template <class Number>
std::optional<Number> number_in(std::string_view text) {
  Number value = 0;
  const auto [end, problem] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (problem != std::errc{} || end != text.data() + text.size()) return std::nullopt;
  return value;
}

}  // namespace sublet
