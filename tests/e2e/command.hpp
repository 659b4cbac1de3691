#pragma once

// The `sublet` command as a user runs it.

#include <cstdio>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>
#include <vector>

#include <fmt/format.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>
#include <unistd.h>

#include "common/io/process.hpp"
#include "paths.hpp"
#include "tests/e2e/inputs.hpp"
#include "tests/support/reference.hpp"

namespace sublet::test {

namespace fs = std::filesystem;

struct Ran {
  int code = -1;
  std::string out;
  std::string err;

  [[nodiscard]] nlohmann::json json() const { return nlohmann::json::parse(out, nullptr, false); }
};

inline std::string contents(const fs::path& path) {
  std::ifstream stream(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(stream), {}};
}

class Command : public ::testing::Test {
 protected:
  Command() : folder_(fs::temp_directory_path() / ("sublet-cli-" + std::to_string(getpid()))) {
    fs::remove_all(folder_);
    fs::create_directories(in());
  }
  ~Command() override { fs::remove_all(folder_); }

  [[nodiscard]] fs::path in() const { return folder_ / "in"; }
  [[nodiscard]] fs::path out() const { return folder_ / "out"; }

  void make_inputs(std::size_t count, std::size_t max_bytes) const {
    fs::create_directories(in() / "deep" / "er");
    for (std::size_t i = 0; i < count; ++i) {
      const auto path = in() / (i % 3 == 0 ? "deep/er" : ".") / ("file" + std::to_string(i));
      std::ofstream(path, std::ios::binary) << as_text(payload_of(i, max_bytes));
    }
  }

  void expect_outputs_of_video(std::size_t count) const {
    std::size_t seen = 0;
    for (const auto& entry : fs::recursive_directory_iterator(in())) {
      if (!entry.is_regular_file()) continue;
      ++seen;
      const auto name = fs::relative(entry.path(), in());
      ASSERT_TRUE(fs::is_regular_file(out() / name)) << name;
      const auto input = contents(entry.path());
      EXPECT_EQ(contents(out() / name), as_text(video_reference(as_view(input), 0.1F))) << name;
    }
    EXPECT_EQ(seen, count);
  }

  /// Runs `sublet` with its output in files.
  Ran sublet(const std::vector<std::string>& args) const {
    auto child = start_sublet(args);
    const auto exit = child.wait();
    auto err = contents(folder_ / "stderr");
    fmt::print(stderr, "{}", err);
    return {exit.signal != 0 ? 128 + exit.signal : exit.code, contents(folder_ / "stdout"), std::move(err)};
  }

  io::Child start_sublet(const std::vector<std::string>& args) const {
    // The shell puts the output into a file and then becomes the command.
    std::vector<std::string> all{"-c", "exec \"$0\" \"$@\" >\"$SUBLET_TEST_STDOUT\" 2>\"$SUBLET_TEST_STDERR\"", SUBLET_BIN_DIR "/sublet"};
    all.insert(all.end(), args.begin(), args.end());
    setenv("SUBLET_TEST_STDOUT", (folder_ / "stdout").c_str(), 1);
    setenv("SUBLET_TEST_STDERR", (folder_ / "stderr").c_str(), 1);
    auto child = io::spawn({.program = "/bin/sh", .args = all, .inherited = {}});
    if (!child) {
      ADD_FAILURE() << to_text(child.error());
      std::abort();
    }
    return std::move(*child);
  }

  fs::path folder_;
};

}  // namespace sublet::test
