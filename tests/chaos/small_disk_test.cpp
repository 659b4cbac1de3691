#include "tests/chaos/small_disk.hpp"

#include <fstream>

#include <gtest/gtest.h>

#include "tests/support/folder.hpp"

namespace sublet::chaos {
namespace {

bool can_write(const std::filesystem::path& file) {
  std::ofstream stream(file);
  stream << std::string(10'000, 'x') << std::flush;
  return stream.good();
}

TEST(SmallDisk, IsFullUntilItIsCleared) {
  if (const auto own = own_mounts(); !own) GTEST_SKIP() << to_text(own.error());
  const test::Folder folder;
  const auto disk = SmallDisk::mount(folder.path(), 2_MiB);
  if (!disk) GTEST_SKIP() << to_text(disk.error());
  EXPECT_TRUE(can_write(folder.path() / "before"));
  disk->fill();
  EXPECT_TRUE(disk->full());
  EXPECT_FALSE(can_write(folder.path() / "meanwhile"));
  disk->clear();
  EXPECT_FALSE(disk->full());
  EXPECT_TRUE(can_write(folder.path() / "after"));
}

}  // namespace
}  // namespace sublet::chaos
