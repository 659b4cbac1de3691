// What stands in kernels/ holds together: every pipeline loads, and every kernel it names is in its module.

#include <filesystem>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "common/pipeline/bundle_file.hpp"
#include "common/pipeline/explain.hpp"

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

TEST(ShippedPipelines, LoadAndAreExplainedAtAnyLength) {
  for (const auto& file : shipped_pipelines()) {
    const auto bundle = load_bundle(file);
    ASSERT_TRUE(bundle) << to_text(bundle.error());
    for (const std::uint64_t n : {0, 1, 1'000'000}) {
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

}  // namespace
}  // namespace sublet
