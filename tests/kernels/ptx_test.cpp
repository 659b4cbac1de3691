// The committed PTX is what its CUDA source says. Needs the CUDA compiler; where it is missing, the test is skipped for all to see.

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>

#include <fmt/format.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include "paths.hpp"

namespace {

namespace fs = std::filesystem;

const fs::path kKernels = SUBLET_SOURCE_DIR "/kernels";

std::string text_of(const fs::path& file) {
  std::ostringstream text;
  text << std::ifstream(file, std::ios::binary).rdbuf();
  return text.str();
}

/// Without comments, which name the compiler's build.
std::string code_of(const fs::path& file) {
  std::istringstream lines(text_of(file));
  std::string code;
  for (std::string line; std::getline(lines, line);) {
    const auto first = line.find_first_not_of(" \t");
    if (first != std::string::npos && line.compare(first, 2, "//") != 0) code += line + "\n";
  }
  return code;
}

/// "Cuda compilation tools, release 13.0, V13.0.88", from the comment that nvcc leaves.
std::string compiler_of(const fs::path& file) {
  const std::string text = text_of(file);
  const auto start = text.find("Cuda compilation tools");
  return start == std::string::npos ? "" : text.substr(start, text.find('\n', start) - start);
}

std::string find_nvcc() {
  for (const char* candidate : {"nvcc", "/usr/local/cuda/bin/nvcc"}) {
    if (std::system(fmt::format("command -v {} >/dev/null 2>&1", candidate).c_str()) == 0) return candidate;
  }
  return "";
}

class CommittedPtx : public ::testing::Test {
 protected:
  void SetUp() override {
    const std::string nvcc = find_nvcc();
    if (nvcc.empty()) GTEST_SKIP() << "nvcc is not here, so whether kernels/*.ptx are fresh is not known";
    std::string pattern = (fs::temp_directory_path() / "ptx.XXXXXX").string();
    ASSERT_NE(::mkdtemp(pattern.data()), nullptr);
    folder_ = pattern;
    ASSERT_EQ(std::system(fmt::format("NVCC={} '{}/build-ptx' '{}'", nvcc, kKernels.string(), folder_.string()).c_str()), 0);
  }
  void TearDown() override {
    if (!folder_.empty()) fs::remove_all(folder_);
  }

  fs::path folder_;
};

TEST_F(CommittedPtx, IsWhatItsSourceSays) {
  std::size_t compared = 0;
  for (const auto& entry : fs::recursive_directory_iterator(kKernels)) {
    if (entry.path().extension() != ".cu") continue;
    const fs::path committed = fs::path(entry.path()).replace_extension(".ptx");
    const fs::path built = folder_ / fs::relative(committed, kKernels);
    if (compiler_of(committed) != compiler_of(built)) {
      GTEST_SKIP() << "built by another compiler: " << compiler_of(committed) << "; here is: " << compiler_of(built);
    }
    EXPECT_EQ(code_of(committed), code_of(built)) << committed << " is stale; rebuild it with: ninja ptx";
    EXPECT_FALSE(code_of(built).empty());
    ++compared;
  }
  EXPECT_GE(compared, 2U);
}

}  // namespace
