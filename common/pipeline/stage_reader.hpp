#pragma once

#include "common/error.hpp"
#include "common/pipeline/pipeline.hpp"
#include "common/pipeline/yaml_tree.hpp"

namespace sublet {

/// The stages of a pipeline's map, and which of them repeat. Errors name the line.
Result<void> read_stages(const YamlNode& map, Pipeline& pipeline);

}  // namespace sublet
