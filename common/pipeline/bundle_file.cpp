#include "common/pipeline/bundle_file.hpp"

#include <cerrno>
#include <fstream>
#include <string>
#include <system_error>
#include <utility>

#include <fmt/format.h>

#include "common/pipeline/pipeline_yaml.hpp"

namespace sublet {

namespace {

namespace fs = std::filesystem;

constexpr std::uintmax_t kLargestFile = (16_MiB).count;

/// @param remedy  what to do when the file is not there
Result<std::vector<std::byte>> read_file(const fs::path& file, std::string_view what, std::string_view remedy) {
  std::error_code problem;
  const auto status = fs::status(file, problem);
  if (status.type() == fs::file_type::not_found) return fail(ErrorCode::not_found, fmt::format("{} is not there; {}", what, remedy));
  if (status.type() == fs::file_type::none)
    return fail(ErrorCode::io_failed, fmt::format("{} cannot be read: {}", what, problem.message()));
  // Anything else, a device say, might never end.
  if (!fs::is_regular_file(status)) return fail(ErrorCode::io_failed, fmt::format("{} is not a regular file; {}", what, remedy));
  const std::uintmax_t size = fs::file_size(file, problem);
  if (problem) return fail(ErrorCode::io_failed, fmt::format("{} cannot be read: {}", what, problem.message()));
  if (size > kLargestFile) {
    return fail(ErrorCode::io_failed, fmt::format("{} has {} bytes; at most {} are read, split it", what, size, kLargestFile));
  }
  errno = 0;
  std::ifstream stream(file, std::ios::binary);
  std::vector<std::byte> bytes(size);
  stream.read(reinterpret_cast<char*>(bytes.data()), static_cast<std::streamsize>(size));
  if (stream.is_open() && static_cast<std::uintmax_t>(stream.gcount()) == size) return bytes;
  const std::string reason = errno == 0 ? "it was cut short" : std::generic_category().message(errno);
  return fail(ErrorCode::io_failed, fmt::format("{} cannot be read: {}; check the file and its permissions", what, reason));
}

}  // namespace

Result<Bundle> load_bundle(const fs::path& yaml_file) {
  const auto text = read_file(yaml_file, fmt::format("pipeline file {}", yaml_file.string()), "check the path");
  if (!text) return std::unexpected(text.error());
  auto pipeline = parse_pipeline(as_text(*text), yaml_file.string());
  if (!pipeline) return std::unexpected(pipeline.error());
  Bundle bundle{.pipeline = *std::move(pipeline), .modules = {}, .residents = {}};
  for (auto& module : bundle.pipeline.modules) {
    const fs::path file = yaml_file.parent_path() / module.file;
    auto image = read_file(file, fmt::format("module {}, which {} names,", file.string(), yaml_file.string()),
                           "put it there, or correct the path under modules");
    if (!image) return std::unexpected(image.error());
    bundle.modules.push_back({.name = module.name, .image = *std::move(image)});
    module.file.clear();
  }
  for (auto& resident : bundle.pipeline.residents) {
    const fs::path file = yaml_file.parent_path() / resident.file;
    auto data = read_file(file, fmt::format("resident {}, which {} names,", file.string(), yaml_file.string()),
                          "put it there, or correct the path under residents");
    if (!data) return std::unexpected(data.error());
    resident.bytes = data->size();
    resident.file.clear();
    bundle.residents.push_back({.name = resident.name, .data = *std::move(data)});
  }
  return bundle;
}

}  // namespace sublet
