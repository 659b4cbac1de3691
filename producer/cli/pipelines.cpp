#include "producer/cli/pipelines.hpp"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <map>

#include <fmt/format.h>

#include "common/pipeline/bundle_file.hpp"
#include "common/pipeline/nearest.hpp"
#include "producer/cli/text.hpp"

namespace sublet::cli {
namespace {

namespace fs = std::filesystem;

bool is_yaml(const fs::path& path) { return path.extension() == ".yaml" || path.extension() == ".yml"; }

std::string shipped_name(const fs::path& file, const fs::path& folder) {
  auto name = file.lexically_relative(folder).replace_extension();
  const auto parent = name.parent_path();
  if (!parent.empty() && (name.filename() == parent.filename() || name.filename() == "pipeline")) name = parent;
  return name.generic_string();
}

/// The one pipeline `any/wanted`; nothing where there are several.
const ShippedPipeline* only_in_a_folder(const std::vector<ShippedPipeline>& shipped, const std::string& wanted) {
  const ShippedPipeline* only = nullptr;
  for (const auto& pipeline : shipped) {
    if (!pipeline.name.ends_with("/" + wanted)) continue;
    if (only != nullptr) return nullptr;
    only = &pipeline;
  }
  return only;
}

}  // namespace

std::vector<fs::path> pipeline_folders(const char* kernels_variable, const fs::path& program_folder) {
  std::vector<fs::path> wanted;
  if (kernels_variable != nullptr && *kernels_variable != '\0') wanted.emplace_back(kernels_variable);
  wanted.push_back((program_folder / "../share/sublet/kernels").lexically_normal());
  wanted.emplace_back(SUBLET_KERNELS_FOLDER);
  std::erase_if(wanted, [](const fs::path& folder) {
    std::error_code problem;
    return !fs::is_directory(folder, problem);
  });
  return wanted;
}

std::vector<ShippedPipeline> shipped_pipelines(const std::vector<fs::path>& folders) {
  std::map<std::string, fs::path> found;
  for (const auto& folder : folders) {
    std::error_code problem;
    for (fs::recursive_directory_iterator at(folder, fs::directory_options::skip_permission_denied, problem), end; !problem && at != end;
         at.increment(problem)) {
      if (is_yaml(at->path())) found.try_emplace(shipped_name(at->path(), folder), at->path());
    }
  }
  std::vector<ShippedPipeline> result;
  for (auto& [name, file] : found) result.push_back({name, std::move(file)});
  return result;
}

Result<fs::path> find_pipeline(const std::string& wanted, const std::vector<fs::path>& folders) {
  std::error_code problem;
  if (fs::is_regular_file(wanted, problem)) return wanted;
  const auto shipped = shipped_pipelines(folders);
  const auto same = std::ranges::find(shipped, wanted, &ShippedPipeline::name);
  if (same != shipped.end()) return same->file;
  if (const auto* only = only_in_a_folder(shipped, wanted)) return only->file;
  if (is_yaml(wanted)) return fail(ErrorCode::not_found, fmt::format("there is no file {}; check the path", printable(wanted)));
  std::vector<std::string_view> names;
  for (const auto& pipeline : shipped) names.push_back(pipeline.name);
  return fail(ErrorCode::not_found,
              fmt::format("there is no file and no shipped pipeline \"{}\"{}", printable(wanted), name_remedy(wanted, names)));
}

Result<std::pair<std::string, double>> parse_setting(std::string_view text) {
  const auto equals = text.find('=');
  const auto value = equals == std::string_view::npos ? std::string_view{} : text.substr(equals + 1);
  double number = 0;
  const auto [end, problem] = std::from_chars(value.data(), value.data() + value.size(), number);
  if (equals == 0 || value.empty() || problem != std::errc{} || end != value.data() + value.size() || !std::isfinite(number)) {
    return fail(ErrorCode::bad_argument, fmt::format("--set {} is no setting; write --set name=number", printable(text)));
  }
  return std::pair{std::string(text.substr(0, equals)), number};
}

Result<Bundle> load_pipeline(const std::string& wanted, const std::vector<fs::path>& folders, const std::vector<std::string>& settings) {
  const auto file = find_pipeline(wanted, folders);
  if (!file) return std::unexpected(file.error());
  auto bundle = load_bundle(*file);
  if (!bundle) return bundle;
  std::vector<PipelineParameter> parameters;
  for (const auto& text : settings) {
    const auto setting = parse_setting(text);
    if (!setting) return std::unexpected(setting.error());
    parameters.push_back({.name = setting->first, .value = setting->second});
  }
  auto changed = with_parameters(std::move(bundle->pipeline), parameters);
  if (!changed) return std::unexpected(changed.error());
  bundle->pipeline = std::move(*changed);
  return bundle;
}

}  // namespace sublet::cli
