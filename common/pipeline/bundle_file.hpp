#pragma once

// The one file of this folder that touches files.

#include <filesystem>

#include "common/error.hpp"
#include "common/pipeline/pipeline.hpp"

namespace sublet {

/// Reads a pipeline's file and the modules beside it. `not_found` when either is missing, `io_failed` when one cannot be read; both name
/// the file, the file that asked for it, and the remedy. A module is at most 16 MiB.
Result<Bundle> load_bundle(const std::filesystem::path& yaml_file);

}  // namespace sublet
