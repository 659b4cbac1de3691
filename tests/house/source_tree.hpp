#pragma once

#include <filesystem>
#include <fstream>
#include <iterator>
#include <regex>
#include <string>
#include <vector>

#include "paths.hpp"

namespace sublet::test {

struct SourceFile {
  std::string path;  ///< from the project's root, with /
  std::string text;

  /// What stands between the quotes or brackets of each #include.
  [[nodiscard]] std::vector<std::string> includes() const {
    static const std::regex kInclude(R"re((?:^|\n)\s*#\s*include\s*[<"]([^>"]+)[>"])re");
    std::vector<std::string> found;
    for (std::sregex_iterator it(text.begin(), text.end(), kInclude), end; it != end; ++it) found.push_back((*it)[1]);
    return found;
  }
};

inline std::vector<SourceFile> read_sources(const std::vector<std::string>& folders) {
  const std::filesystem::path root = SUBLET_SOURCE_DIR;
  std::vector<SourceFile> files;
  for (const auto& folder : folders) {
    for (const auto& entry : std::filesystem::recursive_directory_iterator(root / folder)) {
      const auto extension = entry.path().extension();
      if (!entry.is_regular_file() || (extension != ".hpp" && extension != ".cpp")) continue;
      std::ifstream stream(entry.path(), std::ios::binary);
      files.push_back({std::filesystem::relative(entry.path(), root).generic_string(), {std::istreambuf_iterator<char>(stream), {}}});
    }
  }
  return files;
}

}  // namespace sublet::test
