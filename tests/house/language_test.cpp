// Rules of the house that a reader would otherwise have to look for.

#include <regex>

#include <gtest/gtest.h>

#include "tests/house/source_tree.hpp"

namespace sublet::test {
namespace {

TEST(Sources, DestroyNoHandleOutsideItsOwner) {
  const std::regex naked(R"((zmq_close|zmq_ctx_term|freeReplyObject|redisFree|cu[A-Z]\w*Destroy\w*)\s*\()");
  for (const auto& file : read_sources({"common", "broker", "gpu-worker", "producer"})) {
    EXPECT_FALSE(std::regex_search(file.text, naked)) << file.path;
  }
}

TEST(Sources, LeaveNothingMarkedAsUnfinished) {
  const std::regex unfinished(R"(\b(TODO|FIXME|XXX|HACK)\b)");
  for (const auto& file : read_sources({"common", "broker", "gpu-worker", "producer", "bench"})) {
    EXPECT_FALSE(std::regex_search(file.text, unfinished)) << file.path;
  }
}

TEST(Tests, WaitForStatesAndNeverSleep) {
  const std::regex sleeping(R"(\b(sleep_for|sleep_until|usleep|nanosleep|sleep)\s*\()");
  for (const auto& file : read_sources({"tests"})) {
    if (file.path.starts_with("tests/house/")) continue;
    EXPECT_FALSE(std::regex_search(file.text, sleeping)) << file.path;
  }
}

}  // namespace
}  // namespace sublet::test
