#pragma once

#include <functional>
#include <string>
#include <utility>
#include <vector>

#include <gtest/gtest.h>
#include <poll.h>

#include "broker/stores/redis_store.hpp"
#include "common/io/clock.hpp"
#include "tests/support/redis_server.hpp"

namespace sublet::broker::test {

using sublet::test::RedisServer;

/// Longer than anything here takes, so that a hang becomes a failure.
inline constexpr Millis kPatience = 60s;

/// Serves the store as the loop does, until `done`.
inline bool serve_until(Store& store, std::optional<CommitResult>& answer, const std::function<bool()>& done) {
  const auto deadline = io::now() + kPatience;
  for (;;) {
    if (auto result = store.finished()) answer = std::move(result);
    if (done()) return true;
    if (io::now() > deadline) return false;
    // A store's health may change by time alone.
    pollfd descriptor{.fd = store.fd(), .events = POLLIN, .revents = 0};
    ::poll(&descriptor, 1, 20);
  }
}

inline CommitResult wait_for_answer(Store& store) {
  std::optional<CommitResult> answer;
  EXPECT_TRUE(serve_until(store, answer, [&] { return answer.has_value(); })) << "no answer: " << to_text(store.health().reason);
  return answer ? std::move(*answer) : CommitResult{.number = 0, .outcome = fail(ErrorCode::timeout, "no answer"), .refused = {}};
}

inline Result<void> commit(Store& store, std::uint64_t number, std::vector<Write> writes, bool draining = false) {
  store.begin({.number = number, .writes = std::move(writes), .draining = draining});
  return wait_for_answer(store).outcome;
}

inline RecordKey bytes_key(std::uint64_t item) { return {.kind = RecordKind::output_bytes, .owner = 1, .item = item, .hash = {}}; }

/// Bytes that are too many for their record's field.
inline Blob large(char filling) { return Blob::copy_of(as_view(std::string(4 * kInlineBytes, filling))); }
inline Blob small(std::string_view text) { return Blob::copy_of(as_view(text)); }

/// What the loaded store says of the records `bytes_key(1)` and on: their first characters, "-" for one that is missing.
inline std::string first_letters(Store& store, std::uint64_t items) {
  const auto records = store.load();
  if (!records) return to_text(records.error());
  std::string letters;
  for (std::uint64_t item = 1; item <= items; ++item) {
    const auto found = records->find(bytes_key(item));
    letters += found == records->end() ? '-' : as_text(std::get<Blob>(found->second).view()).front();
  }
  return letters;
}

/// A server of a test's own, and stores on it.
struct RedisTest : ::testing::Test {
  explicit RedisTest(std::vector<std::string> settings = {}) : server(std::move(settings)) {}

  Result<std::unique_ptr<RedisStore>> try_open(const RedisOptions& options = {}) {
    return RedisStore::open(server.address(), options, random);
  }
  std::unique_ptr<RedisStore> open(const RedisOptions& options = {}) {
    auto store = try_open(options);
    EXPECT_TRUE(store) << to_text(store.error());
    return std::move(*store);
  }
  /// What happens when a hold passes, without waiting for it.
  void expire_hold() { ASSERT_EQ(server.run({"DEL", "sublet:{0}:owner"}).integer(), 1); }
  std::string state(const std::string& field) { return server.text({"HGET", "sublet:{0}:state", field}); }

  RedisServer server;
  SeededRandom random{1};
};

}  // namespace sublet::broker::test
