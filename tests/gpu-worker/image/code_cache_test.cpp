#include "gpu-worker/devices/image/code_cache.hpp"

#include <filesystem>
#include <fstream>

#include <gtest/gtest.h>

#include "tests/support/folder.hpp"

namespace sublet::image {
namespace {

namespace fs = std::filesystem;

class CodeCacheTest : public ::testing::Test {
 protected:
  test::Folder folder_;
  std::string path_ = (folder_.path() / "deep" / "cache").string();
  CodeCache cache_ = CodeCache(path_);

  [[nodiscard]] std::string found(std::string_view image, std::string_view made_for) const {
    const auto code = cache_.find(as_view(image), made_for);
    return code ? std::string(as_text(*code)) : "nothing";
  }
};

TEST_F(CodeCacheTest, FindsWhatAnotherProcessKept) {
  CodeCache(path_).keep(as_view("ptx"), "sm_90", as_view("code"));
  EXPECT_EQ(found("ptx", "sm_90"), "code");
}

TEST_F(CodeCacheTest, GivesNoCardAnothersCode) {
  cache_.keep(as_view("ptx"), "sm_90", as_view("code"));
  EXPECT_EQ(found("ptx", "sm_80"), "nothing");
  EXPECT_EQ(found("ptx2", "sm_90"), "nothing");
}

TEST_F(CodeCacheTest, TakesAnEntryThatWasCutShortForNone) {
  cache_.keep(as_view("ptx"), "sm_90", as_view("code"));
  const fs::path entry = fs::directory_iterator(path_)->path();
  fs::resize_file(entry, fs::file_size(entry) - 1);
  EXPECT_EQ(found("ptx", "sm_90"), "nothing");
}

TEST_F(CodeCacheTest, KeepsNothingWhereOthersMayWrite) {
  fs::permissions(path_, fs::perms::all);
  const CodeCache shared(path_);
  shared.keep(as_view("ptx"), "sm_90", as_view("code"));
  EXPECT_TRUE(fs::is_empty(path_));
}

TEST_F(CodeCacheTest, IsBounded) {
  for (std::size_t i = 0; i < CodeCache::kMostEntries + 10; ++i) {
    cache_.keep(as_view(std::to_string(i)), "sm_90", as_view("code"));
  }
  EXPECT_LE(std::distance(fs::directory_iterator(path_), fs::directory_iterator()), std::ptrdiff_t{CodeCache::kMostEntries});
  EXPECT_EQ(found(std::to_string(CodeCache::kMostEntries + 9), "sm_90"), "code");
}

}  // namespace
}  // namespace sublet::image
