// What stands in kernels/ holds together: every pipeline loads, and every kernel it names is in its module.

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <sstream>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "common/pipeline/bundle_file.hpp"
#include "common/pipeline/explain.hpp"
#include "common/pipeline/pipeline_yaml.hpp"
#include "paths.hpp"

namespace sublet {
namespace {

using ::testing::HasSubstr;

std::vector<std::filesystem::path> shipped_pipelines() {
  std::vector<std::filesystem::path> files;
  for (const auto& entry : std::filesystem::recursive_directory_iterator(SUBLET_SOURCE_DIR "/kernels")) {
    if (entry.path().extension() == ".yaml") files.push_back(entry.path());
  }
  return files;
}

TEST(ShippedPipelines, AreThere) { EXPECT_GE(shipped_pipelines().size(), 3U); }

/// Lengths that it takes: those of an image have the size that its parameters say.
std::vector<std::uint64_t> lengths_for(const Pipeline& pipeline) {
  const auto parameter = [&](std::string_view name) {
    const auto found = std::ranges::find(pipeline.parameters, name, &PipelineParameter::name);
    return found == pipeline.parameters.end() ? 0 : static_cast<std::uint64_t>(found->value);
  };
  if (const auto pixels = parameter("width") * parameter("height"); pixels > 0) return {0, 3 * pixels, 4 * pixels};
  return {0, 1, 1'000'000};
}

TEST(ShippedPipelines, LoadAndAreExplainedAtTheirLengths) {
  for (const auto& file : shipped_pipelines()) {
    const auto bundle = load_bundle(file);
    ASSERT_TRUE(bundle) << to_text(bundle.error());
    for (const std::uint64_t n : lengths_for(bundle->pipeline)) {
      const auto text = explain(*bundle, n);
      EXPECT_TRUE(text) << to_text(text.error());
    }
  }
}

TEST(ShippedPipelines, NameKernelsOfTheirModules) {
  for (const auto& file : shipped_pipelines()) {
    const auto bundle = load_bundle(file);
    ASSERT_TRUE(bundle) << to_text(bundle.error());
    for (const PipelineStage& stage : bundle->pipeline.stages) {
      EXPECT_THAT(std::string(as_text(bundle->modules.at(0).image)), HasSubstr(".visible .entry " + stage.kernel + "(")) << file;
    }
  }
}

TEST(PipelinesPage, ShowsExamplesThatAreRight) {
  std::ostringstream stream;
  stream << std::ifstream(SUBLET_SOURCE_DIR "/docs/pipelines.md").rdbuf();
  const std::string page = stream.str();
  constexpr std::string_view kOpening = "```yaml\n";
  std::size_t examples = 0;
  for (auto at = page.find(kOpening); at != std::string::npos; at = page.find(kOpening, at)) {
    at += kOpening.size();
    const auto pipeline = parse_pipeline(std::string_view(page).substr(at, page.find("```", at) - at), "docs/pipelines.md");
    ASSERT_TRUE(pipeline) << to_text(pipeline.error());
    EXPECT_TRUE(explain({.pipeline = *pipeline, .modules = {}, .residents = {}}, 1'000'000));
    ++examples;
  }
  EXPECT_EQ(examples, 9U);
}

}  // namespace
}  // namespace sublet
