// Settings of a Redis that serves are changed: what it gives less from then on is noticed.

#include "tests/broker/stores/committing.hpp"

namespace sublet::broker::test {
namespace {

constexpr Millis kNever = 24h;

struct RedisSettings : RedisTest {
  RedisSettings() : RedisTest({"--appendfsync", "always"}) {}

  void set(const std::string& name, const std::string& value) { ASSERT_EQ(server.text({"CONFIG", "SET", name, value}), "OK"); }

  static void expect_weakened(Store& store, std::optional<Durability> wanted) {
    std::optional<CommitResult> answer;
    EXPECT_TRUE(serve_until(store, answer, [&] { return store.health().weakened == wanted; }));
    EXPECT_TRUE(store.health().ready) << to_text(store.health().reason);
  }
};

TEST_F(RedisSettings, AreLookedAtAgainAndAgain) {
  const auto store = open({.look_interval = 5ms});
  expect_weakened(*store, std::nullopt);
  set("appendfsync", "everysec");
  expect_weakened(*store, Durability::fast);
  set("appendonly", "no");
  expect_weakened(*store, Durability::none);
  set("appendonly", "yes");
  set("appendfsync", "always");
  expect_weakened(*store, std::nullopt);
}

TEST_F(RedisSettings, AreLookedAtWithEveryConnection) {
  const auto store = open({.look_interval = kNever});
  set("appendfsync", "everysec");
  static_cast<void>(server.run({"CLIENT", "KILL", "TYPE", "normal"}));
  expect_weakened(*store, Durability::fast);
}

TEST_F(RedisSettings, OfAStoreThatGivesMoreThanIsDemandedCountByWhatTheyGave) {
  set("appendfsync", "everysec");
  const auto store = open({.look_interval = 5ms});
  set("appendfsync", "always");
  ASSERT_TRUE(commit(*store, 1, {{bytes_key(1), large('a')}}));
  set("appendfsync", "everysec");
  set("appendonly", "no");
  expect_weakened(*store, Durability::none);
  set("appendonly", "yes");
  expect_weakened(*store, std::nullopt);
}

}  // namespace
}  // namespace sublet::broker::test
