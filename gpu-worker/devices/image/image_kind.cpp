#include "gpu-worker/devices/image/image_kind.hpp"

#include <algorithm>
#include <cstring>

#include <elf.h>
#include <fmt/format.h>

namespace sublet::image {
namespace {

constexpr std::uint32_t kFatbinMagic = 0xba55ed50;

struct FatbinHeader {
  std::uint32_t magic;
  std::uint16_t version;
  std::uint16_t header_bytes;
  std::uint64_t bytes;
};

template <class Header>
Header read(ByteView bytes, std::uint64_t at) {
  Header header;
  std::memcpy(&header, bytes.data() + at, sizeof(header));
  return header;
}

std::unexpected<Error> torn(const char* what) {
  return fail(ErrorCode::load_failed, fmt::format("the {} ends before it says it does: give the module's whole file", what));
}

bool lies_within(std::uint64_t at, std::uint64_t size, std::uint64_t end) { return at <= end && size <= end - at; }

Result<ImageKind> check_elf(ByteView image) {
  if (image.size() < sizeof(Elf64_Ehdr)) {
    return torn("cubin");
  }
  const auto header = read<Elf64_Ehdr>(image, 0);
  if (!lies_within(header.e_shoff, std::uint64_t{header.e_shnum} * sizeof(Elf64_Shdr), image.size()) ||
      !lies_within(header.e_phoff, std::uint64_t{header.e_phnum} * sizeof(Elf64_Phdr), image.size())) {
    return torn("cubin");
  }
  for (std::uint64_t i = 0; i < header.e_shnum; ++i) {
    const auto section = read<Elf64_Shdr>(image, header.e_shoff + i * sizeof(Elf64_Shdr));
    if (section.sh_type != SHT_NOBITS && !lies_within(section.sh_offset, section.sh_size, image.size())) {
      return torn("cubin");
    }
  }
  return ImageKind::cubin;
}

Result<ImageKind> check_fatbin(ByteView image) {
  if (image.size() < sizeof(FatbinHeader)) {
    return torn("fatbin");
  }
  const auto header = read<FatbinHeader>(image, 0);
  if (!lies_within(header.header_bytes, header.bytes, image.size())) {
    return torn("fatbin");
  }
  return ImageKind::fatbin;
}

/// Without the blanks and comments at its front.
std::string_view without_comments(std::string_view text) {
  while (true) {
    text.remove_prefix(std::min(text.find_first_not_of(" \t\r\n"), text.size()));
    std::size_t end = 0;
    if (text.starts_with("//")) {
      end = text.find('\n');
    } else if (text.starts_with("/*")) {
      end = text.find("*/");
      end = end == std::string_view::npos ? end : end + 2;
    } else {
      return text;
    }
    text.remove_prefix(std::min(end, text.size()));
  }
}

}  // namespace

std::string_view text_of_image(ByteView image) {
  const std::string_view text = as_text(image);
  return text.substr(0, text.find_last_not_of('\0') + 1);
}

Result<ImageKind> kind_of_image(ByteView image) {
  if (as_text(image).starts_with("\x7f"
                                 "ELF")) {
    return check_elf(image);
  }
  if (image.size() >= sizeof(std::uint32_t) && read<std::uint32_t>(image, 0) == kFatbinMagic) {
    return check_fatbin(image);
  }
  const std::string_view text = text_of_image(image);
  const std::string_view code = without_comments(text);
  if (code.empty() || text.find('\0') != std::string_view::npos) {
    return fail(ErrorCode::load_failed, "the module is neither PTX, a cubin, a fatbin nor CUDA C++: compile it with nvcc --ptx");
  }
  return code.starts_with(".version") ? ImageKind::ptx : ImageKind::source;
}

}  // namespace sublet::image
