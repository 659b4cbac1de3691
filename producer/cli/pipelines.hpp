#pragma once

// From what people type to the pipeline they mean.

#include <filesystem>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "common/error.hpp"
#include "common/pipeline/pipeline.hpp"

namespace sublet::cli {

/// A pipeline that comes with Sublet.
struct ShippedPipeline {
  std::string name;  ///< "video", "transform/scale_bias"
  std::filesystem::path file;

  auto operator<=>(const ShippedPipeline&) const = default;
};

/// Where shipped pipelines may stand, those that are there: $SUBLET_KERNELS, ../share/sublet/kernels beside the program, the source tree.
std::vector<std::filesystem::path> pipeline_folders(const char* kernels_variable, const std::filesystem::path& program_folder);

/// Every pipeline below `folders`, by name; the first folder that has a name wins. `video/video.yaml` and `video/pipeline.yaml` are named
/// after their folder.
std::vector<ShippedPipeline> shipped_pipelines(const std::vector<std::filesystem::path>& folders);

/// The file of `wanted`: a path, else a shipped name. `not_found` with the nearest right name.
Result<std::filesystem::path> find_pipeline(const std::string& wanted, const std::vector<std::filesystem::path>& folders);

/// "threshold=0.1"; `bad_argument` when it is no name, "=" and number.
Result<std::pair<std::string, double>> parse_setting(std::string_view text);

/// The pipeline with its modules and with `settings` in place of its parameters' own values.
Result<Bundle> load_pipeline(const std::string& wanted, const std::vector<std::filesystem::path>& folders,
                             const std::vector<std::string>& settings);

}  // namespace sublet::cli
