#include "common/pipeline/bundle_file.hpp"

#include <fstream>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include "tests/common/pipeline/example.hpp"

namespace sublet {
namespace {

using test::refusal;
using ::testing::AllOf;
using ::testing::HasSubstr;

class BundleFile : public ::testing::Test {
 protected:
  void SetUp() override {
    std::string pattern = (std::filesystem::temp_directory_path() / "bundle.XXXXXX").string();
    ASSERT_NE(::mkdtemp(pattern.data()), nullptr);
    folder_ = pattern;
  }
  void TearDown() override { std::filesystem::remove_all(folder_); }

  std::filesystem::path write(const std::string& name, const std::string& text) {
    std::ofstream(folder_ / name, std::ios::binary) << text;
    return folder_ / name;
  }

  std::filesystem::path write_pipeline() {
    return write("two.yaml", "{name: two, modules: {a: a.ptx, b: b.ptx}, buffers: {data: n}, input: data, output: data}");
  }

  std::filesystem::path folder_;
};

TEST_F(BundleFile, BringsTheModulesBesideIt) {
  write("a.ptx", "first");
  write("b.ptx", std::string("\0\xff", 2));
  const auto bundle = load_bundle(write_pipeline());
  ASSERT_TRUE(bundle) << to_text(bundle.error());
  ASSERT_EQ(bundle->modules.size(), 2U);
  EXPECT_EQ(bundle->modules[0].name, "a");
  EXPECT_EQ(as_text(bundle->modules[0].image), "first");
  EXPECT_EQ(as_text(bundle->modules[1].image), std::string_view("\0\xff", 2));
  EXPECT_EQ(bundle->pipeline.modules[0], (PipelineModule{.name = "a", .file = ""})) << "a path means nothing where the bundle arrives";
}

TEST_F(BundleFile, NamesTheModuleThatIsMissingAndWhoAsked) {
  write("a.ptx", "first");
  EXPECT_THAT(refusal(load_bundle(write_pipeline()), ErrorCode::not_found),
              AllOf(HasSubstr("b.ptx"), HasSubstr("two.yaml"), HasSubstr("put it there")));
}

TEST_F(BundleFile, BringsTheResidentsBesideIt) {
  write("resident.yaml", "{name: a, buffers: {b: n}, residents: {weights: w.bin}, input: b, output: b}");
  EXPECT_THAT(refusal(load_bundle(folder_ / "resident.yaml"), ErrorCode::not_found),
              AllOf(HasSubstr("resident"), HasSubstr("w.bin"), HasSubstr("resident.yaml")));
  write("w.bin", "12345");
  const auto bundle = load_bundle(folder_ / "resident.yaml");
  ASSERT_TRUE(bundle) << to_text(bundle.error());
  EXPECT_EQ(bundle->pipeline.residents, (std::vector<PipelineResident>{{.name = "weights", .file = "", .bytes = 5}}));
  ASSERT_EQ(bundle->residents.size(), 1U);
  EXPECT_EQ(bundle->residents[0].name, "weights");
  EXPECT_EQ(as_text(bundle->residents[0].data), "12345");
}

TEST_F(BundleFile, NamesThePipelineThatIsMissing) {
  EXPECT_THAT(refusal(load_bundle(folder_ / "none.yaml"), ErrorCode::not_found), HasSubstr("none.yaml"));
}

TEST_F(BundleFile, RefusesWhatIsNoRegularFile) {
  EXPECT_THAT(refusal(load_bundle(folder_), ErrorCode::io_failed), HasSubstr("not a regular file"));
  EXPECT_THAT(refusal(load_bundle("/dev/zero"), ErrorCode::io_failed), HasSubstr("not a regular file"));
}

TEST_F(BundleFile, NamesTheFileInWhatIsWrongWithThePipeline) {
  EXPECT_THAT(refusal(load_bundle(write("bad.yaml", "nmae: x"))),
              AllOf(HasSubstr("bad.yaml: line 1"), HasSubstr("did you mean \"name\"?")));
}

}  // namespace
}  // namespace sublet
