#pragma once

#include <string_view>

#include "common/error.hpp"
#include "common/pipeline/pipeline.hpp"

namespace sublet {

/// Reads a pipeline from YAML and checks it as `validate` does. `bad_pipeline` names `origin`, the line, what is wrong and the remedy; an
/// unknown key is refused with the nearest right one. Text is bounded (64 KiB, 8 levels, 4,096 values); anchors, aliases, tags and a second
/// document are refused. docs/pipelines.md has every key.
/// @param origin  where the text comes from, for errors: a file's name
Result<Pipeline> parse_pipeline(std::string_view yaml, std::string_view origin);

}  // namespace sublet
