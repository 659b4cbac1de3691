#include "common/pipeline/yaml_values.hpp"

#include <algorithm>

#include <fmt/format.h>

#include "common/pipeline/nearest.hpp"
#include "common/pipeline/wording.hpp"

namespace sublet {

using Kind = YamlNode::Kind;

std::unexpected<Error> refuse(const YamlNode& node, std::string_view problem) {
  return fail(ErrorCode::bad_pipeline, fmt::format("line {}: {}", node.line, problem));
}

Result<void> check_map(const YamlNode& node, std::string_view what, std::span<const std::string_view> known) {
  if (node.kind != Kind::map) return refuse(node, fmt::format("{} should be a map, such as {{key: value}}", what));
  for (std::size_t i = 0; i + 1 < node.items.size(); i += 2) {
    const YamlNode& key = node.items[i];
    if (key.kind != Kind::scalar) return refuse(key, fmt::format("{} has a key that is no plain word", what));
    if (!known.empty() && std::ranges::find(known, key.text) == known.end()) {
      return refuse(key, fmt::format("{} has the unknown key {}{}", what, in_quotes(key.text), name_remedy(key.text, known)));
    }
    for (std::size_t j = 0; j < i; j += 2) {
      if (node.items[j].text != key.text) continue;
      return refuse(key,
                    fmt::format("{} has the key {} twice (first on line {}); remove one", what, in_quotes(key.text), node.items[j].line));
    }
  }
  return {};
}

const YamlNode* find(const YamlNode& map, std::string_view key) {
  for (std::size_t i = 0; i + 1 < map.items.size(); i += 2) {
    if (map.items[i].text == key) return &map.items[i + 1];
  }
  return nullptr;
}

Result<void> read_text(const YamlNode& map, std::string_view key, std::string& into) {
  const YamlNode* node = find(map, key);
  if (node == nullptr) return {};
  if (node->kind != Kind::scalar || trimmed(node->text).empty()) return refuse(*node, fmt::format("{} should be a single value", key));
  into = trimmed(node->text);
  return {};
}

Result<void> read_u32(const YamlNode& map, std::string_view key, std::uint32_t& into) {
  const YamlNode* node = find(map, key);
  if (node == nullptr) return {};
  const auto value = number_in<std::uint32_t>(node->text);
  if (node->kind != Kind::scalar || !value) {
    return refuse(*node, fmt::format("{} is {}; write a whole number from 0 to 2^32 - 1", key, in_quotes(node->text)));
  }
  into = *value;
  return {};
}

}  // namespace sublet
