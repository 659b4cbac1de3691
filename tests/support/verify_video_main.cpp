// verify_video IN OUT: compares every output of `sublet run video` with the plain C++ reference. Exit 0 when all are right, 1 otherwise.

#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>
#include <vector>

#include <fmt/format.h>

#include "tests/support/reference.hpp"

namespace {

std::vector<std::byte> read(const std::filesystem::path& path) {
  std::ifstream stream(path, std::ios::binary);
  const std::string text(std::istreambuf_iterator<char>(stream), {});
  const auto bytes = sublet::as_view(text);
  return {bytes.begin(), bytes.end()};
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 3) {
    fmt::print(stderr, "usage: verify_video IN OUT\n");
    return 2;
  }
  const std::filesystem::path in = argv[1];
  const std::filesystem::path out = argv[2];
  std::size_t right = 0;
  std::size_t wrong = 0;
  for (const auto& entry : std::filesystem::recursive_directory_iterator(in)) {
    if (!entry.is_regular_file()) continue;
    const auto name = entry.path().lexically_relative(in);
    const bool same =
        std::filesystem::is_regular_file(out / name) && read(out / name) == sublet::test::video_reference(read(entry.path()), 0.1F);
    if (same) {
      ++right;
      continue;
    }
    ++wrong;
    fmt::print("wrong or missing: {}\n", (out / name).string());
  }
  fmt::print("{} outputs match the reference byte for byte, {} do not\n", right, wrong);
  return wrong == 0 && right > 0 ? 0 : 1;
}
