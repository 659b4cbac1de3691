#include "producer/cli/files.hpp"

#include <array>
#include <fstream>

#include <gtest/gtest.h>
#include <sys/stat.h>

#include "producer/cli/cluster.hpp"

namespace sublet::cli {
namespace {

namespace fs = std::filesystem;

class Files : public ::testing::Test {
 protected:
  void SetUp() override {
    auto folder = PrivateFolder::create();
    ASSERT_TRUE(folder);
    folder_.emplace(std::move(*folder));
    fs::create_directories(in());
  }

  [[nodiscard]] fs::path at(const std::string& name) const { return fs::path(folder_->path()) / name; }
  [[nodiscard]] fs::path in() const { return at("in"); }

  void put(const std::string& name, const std::string& text) const {
    fs::create_directories(at(name).parent_path());
    std::ofstream(at(name), std::ios::binary) << text;
  }

  [[nodiscard]] std::string text_of(const fs::path& path) const {
    std::ifstream stream(path, std::ios::binary);
    return {std::istreambuf_iterator<char>(stream), {}};
  }

  [[nodiscard]] std::vector<std::string> names(std::size_t limit = 0) const {
    const auto inputs = collect_inputs({in().string()}, limit);
    std::vector<std::string> result;
    if (!inputs) return result;
    for (const auto& file : inputs->files) result.push_back(file.name);
    return result;
  }

  std::optional<PrivateFolder> folder_;
};

TEST_F(Files, AreFoundInEveryFolderInOrderOfTheirNames) {
  put("in/b", "");
  put("in/a/z", "");
  put("in/a.txt", "");
  EXPECT_EQ(names(), (std::vector<std::string>{"a.txt", "a/z", "b"}));
  EXPECT_EQ(names(2), (std::vector<std::string>{"a.txt", "a/z"}));
}

TEST_F(Files, LinksToFilesAreFollowedAndOthersAreNamed) {
  put("in/a", "text");
  put("elsewhere/b", "linked");
  fs::create_symlink(at("elsewhere/b"), in() / "link");
  fs::create_directory_symlink(at("elsewhere"), in() / "folder");
  fs::create_symlink(in(), in() / "circle");
  fs::create_symlink("nowhere", in() / "dangling");
  ASSERT_EQ(mkfifo((in() / "pipe").c_str(), 0600), 0);
  const auto inputs = collect_inputs({in().string()}, 0);
  ASSERT_TRUE(inputs);
  ASSERT_EQ(inputs->files.size(), 2U);
  EXPECT_EQ(inputs->files[1].name, "link");
  EXPECT_EQ(inputs->files[1].bytes, 6U);
  EXPECT_EQ(inputs->skipped.size(), 4U);
  EXPECT_EQ(inputs->total_bytes(), 10U);
  EXPECT_EQ(inputs->largest().name, "link");
}

TEST_F(Files, SingleFilesGoByTheirOwnName) {
  put("in/deep/a", "x");
  const auto inputs = collect_inputs({(in() / "deep/a").string()}, 0);
  ASSERT_TRUE(inputs);
  EXPECT_EQ(inputs->files.front().name, "a");
}

TEST_F(Files, NoneFoundSaysWhereItLooked) {
  const auto inputs = collect_inputs({in().string()}, 0);
  ASSERT_FALSE(inputs);
  EXPECT_EQ(inputs.error().code, ErrorCode::bad_argument);
  EXPECT_NE(inputs.error().detail.find(in().string()), std::string::npos);
}

TEST_F(Files, AMissingFolderIsNamed) {
  const auto inputs = collect_inputs({at("gone").string()}, 0);
  ASSERT_FALSE(inputs);
  EXPECT_NE(inputs.error().detail.find("gone"), std::string::npos);
}

TEST_F(Files, TwoOfOneNameAreRefused) {
  put("in/a", "1");
  put("other/a", "2");
  const auto inputs = collect_inputs({in().string(), at("other").string()}, 0);
  ASSERT_FALSE(inputs);
  EXPECT_NE(inputs.error().detail.find("two inputs are named a"), std::string::npos);
}

TEST_F(Files, AnOutputFolderInsideTheInputsIsRefusedOnceItExists) {
  put("in/a", "1");
  const std::vector<std::string> sources{in().string()};
  const auto inputs = collect_inputs(sources, 0);
  EXPECT_TRUE(check_output_folder(sources, *inputs, in() / "out"));
  fs::create_directory(in() / "out");
  EXPECT_FALSE(check_output_folder(sources, *inputs, in() / "out"));
  EXPECT_FALSE(check_output_folder(sources, *inputs, in()));
  EXPECT_FALSE(check_output_folder(sources, *inputs, in() / "out/../"));
  EXPECT_TRUE(check_output_folder(sources, *inputs, at("in-too")));
}

TEST_F(Files, AnOutputThatWouldReplaceAnInputIsRefused) {
  put("in/a", "1");
  const std::vector<std::string> sources{(in() / "a").string()};
  const auto inputs = collect_inputs(sources, 0);
  EXPECT_FALSE(check_output_folder(sources, *inputs, in()));
}

TEST_F(Files, AreReadWhole) {
  const std::string text(100'000, 'x');
  put("in/a", text);
  put("in/empty", "");
  const auto inputs = collect_inputs({in().string()}, 0);
  EXPECT_EQ(as_text(read_input(inputs->files[0], text.size())->view()), text);
  EXPECT_TRUE(read_input(inputs->files[1], 0)->empty());
}

TEST_F(Files, OneThatVanishedIsNamed) {
  put("in/a", "1");
  const auto inputs = collect_inputs({in().string()}, 0);
  fs::remove(in() / "a");
  const auto read = read_input(inputs->files[0], 1);
  ASSERT_FALSE(read);
  EXPECT_EQ(read.error().code, ErrorCode::io_failed);
  EXPECT_NE(read.error().detail.find("in/a"), std::string::npos);
}

TEST_F(Files, OneThatGrewPastTheLargestIsRefused) {
  put("in/a", "1");
  const auto inputs = collect_inputs({in().string()}, 0);
  put("in/a", "12");
  EXPECT_EQ(read_input(inputs->files[0], 1).error().code, ErrorCode::chunk_too_large);
}

TEST_F(Files, AreReadRightToWhereTheyBelong) {
  put("in/a", "text");
  const auto inputs = collect_inputs({in().string()}, 0);
  std::array<std::byte, 5> room{};
  ASSERT_EQ(read_input(inputs->files[0], room), 4U);
  EXPECT_EQ(as_text(ByteView(room).first(4)), "text");
  EXPECT_EQ(read_input(inputs->files[0], std::span(room).first(4)), 4U);
  EXPECT_EQ(read_input(inputs->files[0], std::span(room).first(3)).error().code, ErrorCode::chunk_too_large);
}

TEST_F(Files, OutputsKeepTheirRelativeNames) {
  const auto out = OutputFolder::open(at("out"));
  ASSERT_TRUE(out);
  ASSERT_TRUE(out->write("deep/er/a", as_view("text")));
  EXPECT_EQ(text_of(at("out/deep/er/a")), "text");
  ASSERT_TRUE(out->write("deep/er/a", as_view("new")));
  EXPECT_EQ(text_of(at("out/deep/er/a")), "new");
}

TEST_F(Files, AnOutputThatCannotBeWrittenLeavesNothingBehind) {
  const auto out = OutputFolder::open(at("out"));
  ASSERT_TRUE(out);
  fs::create_directories(at("out/taken/by"));
  const auto written = out->write("taken", as_view("text"));
  ASSERT_FALSE(written);
  EXPECT_EQ(written.error().code, ErrorCode::io_failed);
  EXPECT_NE(written.error().detail.find("out/taken"), std::string::npos);
  EXPECT_EQ(std::distance(fs::directory_iterator(at("out")), {}), 1);
}

TEST_F(Files, AFileInPlaceOfTheOutputFolderIsAnError) {
  put("out", "x");
  EXPECT_EQ(OutputFolder::open(at("out")).error().code, ErrorCode::io_failed);
}

TEST_F(Files, AWholeFileAppearsOnlyWhenItIsFinished) {
  {
    auto file = WholeFile::create(at("all"));
    ASSERT_TRUE(file);
    ASSERT_TRUE(file->append(as_view("half")));
    EXPECT_FALSE(fs::exists(at("all")));
  }
  EXPECT_EQ(std::distance(fs::directory_iterator(folder_->path()), {}), 1) << "only the folder of the inputs";
  auto file = WholeFile::create(at("all"));
  ASSERT_TRUE(file->append(as_view("one")));
  ASSERT_TRUE(file->append(as_view("two")));
  ASSERT_TRUE(file->finish());
  EXPECT_EQ(text_of(at("all")), "onetwo");
}

TEST_F(Files, OutputsWithoutNamesSortByChunk) { EXPECT_LT(output_name(9), output_name(10)); }

}  // namespace
}  // namespace sublet::cli
