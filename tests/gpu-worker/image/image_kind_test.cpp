#include "gpu-worker/devices/image/image_kind.hpp"

#include <cstring>
#include <vector>

#include <elf.h>
#include <gtest/gtest.h>

namespace sublet::image {
namespace {

/// An ELF file of `sections` empty sections.
std::vector<std::byte> elf(std::uint16_t sections) {
  std::vector<std::byte> bytes(sizeof(Elf64_Ehdr) + sections * sizeof(Elf64_Shdr));
  Elf64_Ehdr header = {};
  std::memcpy(header.e_ident, ELFMAG, SELFMAG);
  header.e_shoff = sizeof(Elf64_Ehdr);
  header.e_shnum = sections;
  std::memcpy(bytes.data(), &header, sizeof(header));
  return bytes;
}

std::vector<std::byte> fatbin(std::uint64_t said, std::size_t there) {
  std::vector<std::byte> bytes(16 + there);
  const std::uint32_t magic = 0xba55ed50;
  const std::uint16_t header_bytes = 16;
  std::memcpy(bytes.data(), &magic, 4);
  std::memcpy(bytes.data() + 6, &header_bytes, 2);
  std::memcpy(bytes.data() + 8, &said, 8);
  return bytes;
}

TEST(ModuleImage, O5_IsKnownByItsFirstBytes) {
  EXPECT_EQ(kind_of_image(as_view("// nvcc wrote this\n\n.version 9.0\n.target sm_75\n")), ImageKind::ptx);
  EXPECT_EQ(kind_of_image(as_view("/* mine */ extern \"C\" __global__ void k() {}")), ImageKind::source);
  EXPECT_EQ(kind_of_image(as_view(std::string_view(".version 9.0\n\0", 14))), ImageKind::ptx) << "as nvcc embeds it";
  EXPECT_EQ(kind_of_image(elf(3)), ImageKind::cubin);
  EXPECT_EQ(kind_of_image(fatbin(32, 32)), ImageKind::fatbin);
}

TEST(ModuleImage, E3_ThatIsCutShortIsRefusedBeforeTheDriverReadsPastItsEnd) {
  for (std::size_t keep = 4; keep < elf(3).size(); ++keep) {
    auto cut = elf(3);
    cut.resize(keep);
    ASSERT_FALSE(kind_of_image(cut)) << keep;
  }
  EXPECT_EQ(kind_of_image(fatbin(33, 32)).error().code, ErrorCode::load_failed);
  EXPECT_EQ(kind_of_image(fatbin(~0ULL, 32)).error().code, ErrorCode::load_failed);
}

TEST(ModuleImage, E3_OfASectionOutsideTheFileIsRefused) {
  auto bytes = elf(1);
  const Elf64_Shdr section = {.sh_type = SHT_PROGBITS, .sh_offset = 0, .sh_size = bytes.size() + 1};
  std::memcpy(bytes.data() + sizeof(Elf64_Ehdr), &section, sizeof(section));
  EXPECT_FALSE(kind_of_image(bytes));
}

TEST(ModuleImage, E3_OfNothingOrOfBytesWithNulsIsRefused) {
  EXPECT_EQ(kind_of_image(as_view("")).error().code, ErrorCode::load_failed);
  EXPECT_EQ(kind_of_image(as_view("// nothing else")).error().code, ErrorCode::load_failed);
  EXPECT_EQ(kind_of_image(as_view(std::string_view("text\0more", 9))).error().code, ErrorCode::load_failed);
}

}  // namespace
}  // namespace sublet::image
