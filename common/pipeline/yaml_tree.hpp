#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "common/error.hpp"

namespace sublet {

/// A YAML value with the line it stands on. Scalars are kept as text: what they mean is for who reads the key to say.
struct YamlNode {
  enum class Kind : std::uint8_t { nothing, scalar, list, map };

  Kind kind = Kind::nothing;
  int line = 1;
  std::string text;
  /// Of a list: its items. Of a map: key, value, key, value …
  std::vector<YamlNode> items;
};

/// The one document in `yaml`, within the bounds that `parse_pipeline` names; `bad_pipeline` with the line otherwise.
Result<YamlNode> parse_yaml_tree(std::string_view yaml);

}  // namespace sublet
