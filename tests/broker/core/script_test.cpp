#include "tests/broker/core/script.hpp"

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>

#include <gtest/gtest.h>

namespace sublet::broker::testing {
namespace {

std::string content_of(const std::filesystem::path& path) {
  std::ifstream in(path);
  std::ostringstream text;
  text << in.rdbuf();
  return text.str();
}

/// One script, one test: the broker decides as the file says. With SUBLET_REWRITE_SCRIPTS set, the file is written anew instead, for
/// review.
class ScriptTest : public ::testing::Test {
 public:
  explicit ScriptTest(std::filesystem::path path) : path_(std::move(path)) {}

  void TestBody() override {
    const auto expected = content_of(path_);
    const auto decided = Script().replay(expected);
    if (std::getenv("SUBLET_REWRITE_SCRIPTS") != nullptr) {
      std::ofstream(path_) << decided;
      return;
    }
    EXPECT_EQ(decided, expected);
  }

 private:
  std::filesystem::path path_;
};

const bool kRegistered = [] {
  for (const auto& entry : std::filesystem::directory_iterator(SUBLET_SCRIPTS)) {
    const auto path = entry.path();
    ::testing::RegisterTest("BrokerScript", path.stem().c_str(), nullptr, nullptr, __FILE__, __LINE__,
                            [path]() -> ::testing::Test* { return new ScriptTest(path); });
  }
  return true;
}();

}  // namespace
}  // namespace sublet::broker::testing
