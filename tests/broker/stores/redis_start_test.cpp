// What a broker looks at before it trusts a Redis with jobs.

#include "tests/broker/stores/committing.hpp"

namespace sublet::broker::test {
namespace {

struct RedisStart : RedisTest {
  /// The refusal; it names what to do in one line.
  std::string refusal(const RedisOptions& options = {}) {
    const auto store = try_open(options);
    if (store) return "it started";
    EXPECT_EQ(store.error().code, ErrorCode::store_unavailable);
    EXPECT_EQ(store.error().detail.find('\n'), std::string::npos);
    return store.error().detail;
  }
  void expect_refusal(std::string_view part, std::string_view remedy, const RedisOptions& options = {}) {
    const auto text = refusal(options);
    EXPECT_NE(text.find(part), std::string::npos) << text;
    EXPECT_NE(text.find(remedy), std::string::npos) << text;
  }
  void set(const std::string& name, const std::string& value) { ASSERT_EQ(server.text({"CONFIG", "SET", name, value}), "OK"); }
};

TEST_F(RedisStart, WantsNothingEvicted) {
  set("maxmemory-policy", "allkeys-lru");
  expect_refusal("allkeys-lru", "CONFIG SET maxmemory-policy noeviction");
}

TEST_F(RedisStart, WantsAPrimary) {
  static_cast<void>(server.run({"REPLICAOF", "127.0.0.1", "1"}));
  expect_refusal("replica", "primary");
}

TEST_F(RedisStart, WantsAnAppendOnlyFileUnlessToldOtherwise) {
  set("appendonly", "no");
  expect_refusal("append-only", "?durability=none");
  const auto store = open({.demanded = Durability::none});
  EXPECT_EQ(store->info().durability, Durability::none);
  EXPECT_TRUE(store->info().durable) << "it still outlives the broker";
}

TEST_F(RedisStart, WantsTheDurabilityThatIsDemanded) {
  expect_refusal("everysec", "CONFIG SET appendfsync always", {.demanded = Durability::fsync});
  EXPECT_EQ(open()->info().durability, Durability::fast);
  set("appendfsync", "always");
  EXPECT_EQ(open({.demanded = Durability::fsync})->info().durability, Durability::fsync);
}

TEST_F(RedisStart, SaysThatThePasswordIsWrong) {
  ASSERT_EQ(server.text({"ACL", "SETUSER", "default", ">secret"}), "OK");
  expect_refusal("NOAUTH", "password");
  auto address = server.address();
  address.password = "wrong";
  const auto wrong = RedisStore::open(address, {}, random);
  ASSERT_FALSE(wrong);
  EXPECT_NE(wrong.error().detail.find("WRONGPASS"), std::string::npos) << wrong.error().detail;
  EXPECT_EQ(wrong.error().retry_after_ms, 0U);
  address.password = "secret";
  EXPECT_TRUE(RedisStore::open(address, {}, random));
}

TEST_F(RedisStart, WorksForAUserThatMayNotReadTheConfiguration) {
  ASSERT_EQ(server.text({"ACL", "SETUSER", "broker", "on", ">secret", "~sublet:*", "+@all", "-config"}), "OK");
  auto address = server.address();
  address.user = "broker";
  address.password = "secret";
  auto store = RedisStore::open(address, {}, random);
  ASSERT_TRUE(store) << to_text(store.error());
  EXPECT_EQ((*store)->info().durability, Durability::fast);
  EXPECT_TRUE(commit(**store, 1, {{bytes_key(1), large('a')}}));
}

TEST_F(RedisStart, SaysThatNobodyIsThere) {
  server.kill();
  expect_refusal(server.folder().string(), "check that redis-server runs there");
}

TEST_F(RedisStart, RefusesRecordsOfAnotherSchema) {
  ASSERT_TRUE(commit(*open(), 1, {{bytes_key(1), large('a')}}));
  static_cast<void>(server.run({"HSET", "sublet:{0}:state", "!schema", "0"}));
  expect_refusal("schema \"0\"", "another database");
  EXPECT_EQ(server.text({"GET", "sublet:{0}:owner"}), "") << "the shard was taken";
}

TEST_F(RedisStart, NamesAKeyOfSomebodyElses) {
  static_cast<void>(server.run({"SET", "sublet:{0}:state", "x"}));
  expect_refusal("sublet:{0}:state", "another database");
  static_cast<void>(server.run({"FLUSHALL"}));
  static_cast<void>(server.run({"LPUSH", "sublet:{0}:owner", "x"}));
  expect_refusal("sublet:{0}:owner", "another database");
}

TEST_F(RedisStart, NamesARecordThatCannotBeRead) {
  const auto load_error = [&] {
    const auto store = open();
    const auto records = store->load();
    return records ? std::string("it was read") : records.error().detail;
  };
  ASSERT_TRUE(commit(*open(), 1, {{bytes_key(1), large('a')}}));
  static_cast<void>(server.run({"HSET", "sublet:{0}:state", "job:1f", "junk"}));
  EXPECT_NE(load_error().find("job:1f"), std::string::npos) << load_error();
  static_cast<void>(server.run({"HDEL", "sublet:{0}:state", "job:1f"}));
  static_cast<void>(server.run({"HSET", "sublet:{0}:state", "who:1", "junk"}));
  EXPECT_NE(load_error().find("who:1"), std::string::npos) << load_error();
  static_cast<void>(server.run({"HDEL", "sublet:{0}:state", "who:1"}));
  const auto key = server.keys("sublet:{0}:1-*").at(0);
  static_cast<void>(server.run({"DEL", key}));
  EXPECT_NE(load_error().find(key), std::string::npos) << load_error();
  static_cast<void>(server.run({"LPUSH", key, "x"}));
  EXPECT_NE(load_error().find(key), std::string::npos) << load_error();
}

}  // namespace
}  // namespace sublet::broker::test
