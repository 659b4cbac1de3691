#pragma once

#include "common/error.hpp"
#include "common/pipeline/pipeline.hpp"
#include "common/pipeline/yaml_tree.hpp"

namespace sublet {

/// What a YAML document says about a pipeline, not yet validated. Errors name the line.
Result<Pipeline> read_pipeline(const YamlNode& document);

}  // namespace sublet
