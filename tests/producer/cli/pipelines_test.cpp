#include "producer/cli/pipelines.hpp"

#include <fstream>

#include <gtest/gtest.h>

#include "paths.hpp"
#include "producer/cli/cluster.hpp"

namespace sublet::cli {
namespace {

namespace fs = std::filesystem;

std::vector<fs::path> source_kernels() { return {fs::path(SUBLET_SOURCE_DIR) / "kernels"}; }

TEST(Pipelines, AreNamedAfterTheirFolderAndFile) {
  auto folder = PrivateFolder::create();
  ASSERT_TRUE(folder);
  const fs::path root = folder->path();
  for (const auto* name : {"video/video.yaml", "image/pipeline.yaml", "transform/scale.yaml", "plain.yaml", "video/video.ptx"}) {
    fs::create_directories((root / name).parent_path());
    std::ofstream(root / name) << "";
  }
  std::vector<std::string> names;
  for (const auto& pipeline : shipped_pipelines({root})) names.push_back(pipeline.name);
  EXPECT_EQ(names, (std::vector<std::string>{"image", "plain", "transform/scale", "video"}));
}

TEST(Pipelines, AFileWinsOverAShippedName) {
  const auto file = source_kernels().front() / "video/video.yaml";
  EXPECT_EQ(*find_pipeline(file.string(), {}), file);
  EXPECT_EQ(*find_pipeline("video", source_kernels()), file);
}

TEST(Pipelines, NeedNoFolderWhereTheNameIsClear) {
  EXPECT_EQ(*find_pipeline("photo", source_kernels()), source_kernels().front() / "image/photo.yaml");
  EXPECT_FALSE(find_pipeline("hoto", source_kernels()));
  const auto folder = fs::path(::testing::TempDir()) / "sublet-same-names";
  for (const auto* each : {"a", "b"}) {
    fs::create_directories(folder / each);
    std::ofstream(folder / each / "same.yaml") << "name: same\n";
  }
  EXPECT_FALSE(find_pipeline("same", {folder})) << "which of two is not for us to guess";
  EXPECT_EQ(*find_pipeline("b/same", {folder}), folder / "b/same.yaml");
  fs::remove_all(folder);
}

TEST(Pipelines, AnUnknownNameGetsTheNearestRightOne) {
  const auto found = find_pipeline("vidoe", source_kernels());
  ASSERT_FALSE(found);
  EXPECT_EQ(found.error().code, ErrorCode::not_found);
  EXPECT_NE(found.error().detail.find("\"video\""), std::string::npos) << found.error().detail;
}

TEST(Pipelines, FoldersThatAreNotThereAreLeftOut) {
  for (const auto& folder : pipeline_folders("/no/such/folder", "/no/bin")) EXPECT_TRUE(fs::is_directory(folder));
}

TEST(Pipelines, SettingsAreANameAndANumber) {
  EXPECT_EQ(*parse_setting("threshold=0.25"), (std::pair<std::string, double>{"threshold", 0.25}));
  EXPECT_EQ(parse_setting("a=-1e3")->second, -1000.0);
  for (const auto* text : {"", "a", "=1", "a=", "a=b", "a=1x", "a=inf", "a=nan"}) EXPECT_FALSE(parse_setting(text)) << text;
}

TEST(Pipelines, ASettingReplacesAParameter) {
  const auto bundle = load_pipeline("video", source_kernels(), {"threshold=0.5"});
  ASSERT_TRUE(bundle) << to_text(bundle.error());
  EXPECT_EQ(bundle->pipeline.parameters.front().value, 0.5);
  EXPECT_FALSE(load_pipeline("video", source_kernels(), {"treshold=0.5"}));
}

}  // namespace
}  // namespace sublet::cli
