#pragma once

#include <cstdlib>
#include <filesystem>
#include <string>

namespace sublet::test {

/// A new, empty folder that goes with this object, and all that is in it.
class Folder {
 public:
  Folder() {
    std::string path = (std::filesystem::temp_directory_path() / "sublet-test-XXXXXX").string();
    if (::mkdtemp(path.data()) == nullptr) std::abort();
    path_ = path;
  }
  ~Folder() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }
  Folder(const Folder&) = delete;
  Folder& operator=(const Folder&) = delete;

  [[nodiscard]] const std::filesystem::path& path() const { return path_; }

 private:
  std::filesystem::path path_;
};

}  // namespace sublet::test
