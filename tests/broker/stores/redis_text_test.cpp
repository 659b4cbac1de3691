// The pure parts of the redis: store: URLs, names of records, what a server says of itself.

#include <gtest/gtest.h>

#include "broker/stores/redis_checks.hpp"
#include "broker/stores/redis_keys.hpp"
#include "broker/stores/redis_url.hpp"

namespace sublet::broker {
namespace {

RedisAddress parsed(std::string_view url) {
  const auto address = parse_redis_url(url);
  EXPECT_TRUE(address) << to_text(address.error());
  return address.value_or(RedisAddress());
}

TEST(RedisUrl, NamesHostPortAndDatabase) {
  EXPECT_EQ(parsed("redis://example.net"), (RedisAddress{.host = "example.net"}));
  EXPECT_EQ(parsed("redis://example.net:6400/3"), (RedisAddress{.host = "example.net", .port = 6400, .database = 3}));
  EXPECT_EQ(parsed("redis://[::1]:6400"), (RedisAddress{.host = "::1", .port = 6400}));
  EXPECT_EQ(parsed("redis://127.0.0.1/?durability=fsync"), (RedisAddress{.host = "127.0.0.1", .durability = Durability::fsync}));
  EXPECT_EQ(parsed("redis://127.0.0.1/?compress=lz4"), (RedisAddress{.host = "127.0.0.1", .compression = Compression::lz4}));
  EXPECT_FALSE(parse_redis_url("redis://127.0.0.1/?compress=zip"));
}

TEST(RedisUrl, NamesASocket) {
  EXPECT_EQ(parsed("redis+unix:///run/redis.sock"), (RedisAddress{.path = "/run/redis.sock"}));
  EXPECT_EQ(parsed("redis+unix:///run/r@x.sock?db=2&durability=none"),
            (RedisAddress{.path = "/run/r@x.sock", .database = 2, .durability = Durability::none}));
}

TEST(RedisUrl, NamesUserAndPassword) {
  EXPECT_EQ(parsed("redis://broker:p%40ss:word@host"), (RedisAddress{.host = "host", .user = "broker", .password = "p@ss:word"}));
  EXPECT_EQ(parsed("redis+unix://:secret@/run/redis.sock"), (RedisAddress{.path = "/run/redis.sock", .password = "secret"}));
}

TEST(RedisUrl, RefusesWhatCannotBeWithTheShapeThatCan) {
  for (const auto* url : {"redis://", "redis://:6379", "redis://host:0", "redis://host:65536", "redis://host:x", "redis://host/x",
                          "redis://user@host", "redis://u:%zz@host", "redis://host?db=x", "redis://host?what=1",
                          "redis://host?durability=some", "redis://[::1]x", "redis+unix://", "redis+unix://run/redis.sock", "redis:host"}) {
    const auto address = parse_redis_url(url);
    ASSERT_FALSE(address) << url;
    EXPECT_EQ(address.error().code, ErrorCode::bad_argument);
    EXPECT_NE(address.error().detail.find("redis://[user:password@]host:port[/db]"), std::string::npos) << address.error().detail;
  }
}

TEST(RedisUrl, IsShownWithoutItsSecrets) {
  EXPECT_EQ(to_text(parsed("redis://u:secret@host:1/2")), "redis://host:1/2");
  EXPECT_EQ(to_text(parsed("redis+unix://u:secret@/r.sock?db=1")), "redis+unix:///r.sock?db=1");
  EXPECT_EQ(parse_redis_url("redis://u:secret@host:x").error().detail.find("secret"), std::string::npos);
}

TEST(RedisKeys, CarryOneHashTag) {
  const RedisKeys keys(7);
  for (const auto& key : {keys.state, keys.owner, keys.blob("3-ff:1:0")}) EXPECT_TRUE(key.starts_with("sublet:{7}:")) << key;
}

TEST(RedisKeys, OfARecordAreReadBack) {
  for (const RecordKey& key :
       {RecordKey{.kind = RecordKind::job, .owner = ~0ULL, .hash = {}}, RecordKey{.kind = RecordKind::queue, .owner = 0, .hash = {}},
        RecordKey{.kind = RecordKind::output_bytes, .owner = 0x1f, .item = 77, .hash = {}},
        RecordKey{.kind = RecordKind::bundle, .hash = {.words = {1, ~0ULL, 3, 4}}}}) {
    const auto read = key_of(field_of(key));
    ASSERT_TRUE(read) << field_of(key);
    EXPECT_EQ(*read, key);
  }
  EXPECT_EQ(field_of({.kind = RecordKind::batch, .owner = 0x1f, .item = 0x10, .hash = {}}), "batch:1f:10");
  for (const auto* field : {"", "job", "job:", "job:xyz", "job:1:", "who:1", "bundle:12", "job:1:2:3", "job:11111111111111111"}) {
    EXPECT_FALSE(key_of(field)) << field;
  }
}

constexpr std::string_view kInfo =
    "# Server\r\nredis_version:7.0.15\r\n# Memory\r\nmaxmemory_policy:noeviction\r\n# Persistence\r\naof_enabled:1\r\n# "
    "Replication\r\nrole:master\r\n";

TEST(RedisChecks, ReadWhatAServerSaysOfItself) {
  const auto facts = read_facts(kInfo, "always");
  EXPECT_EQ(facts.major_version, 7);
  EXPECT_EQ(facts.role, "master");
  EXPECT_EQ(facts.eviction, "noeviction");
  EXPECT_TRUE(facts.aof);
  EXPECT_EQ(durability_of(facts), Durability::fsync);
  EXPECT_EQ(durability_of(read_facts(kInfo, "everysec")), Durability::fast);
  EXPECT_EQ(durability_of(read_facts(kInfo, "no")), Durability::none);
  EXPECT_EQ(durability_of(read_facts(kInfo, "")), Durability::fast);
  EXPECT_TRUE(check_facts("r", facts, Durability::replicated));
}

TEST(RedisChecks, RefuseAnOldVersion) {
  auto facts = read_facts(kInfo, "always");
  facts.version = "6.2.7";
  facts.major_version = 6;
  const auto checked = check_facts("r", facts, Durability::none);
  ASSERT_FALSE(checked);
  EXPECT_NE(checked.error().detail.find("Redis 7 or newer"), std::string::npos) << checked.error().detail;
  EXPECT_FALSE(check_facts("r", read_facts("nonsense", ""), Durability::none));
}

TEST(RedisChecks, TellWhatPassesFromWhatDoesNot) {
  EXPECT_EQ(fault_of("OOM command not allowed when used memory > 'maxmemory'."), RedisFault::full);
  EXPECT_EQ(fault_of("LOADING Redis is loading the dataset in memory"), RedisFault::passing);
  EXPECT_EQ(fault_of("BUSY Redis is busy running a script."), RedisFault::passing);
  EXPECT_EQ(fault_of("BUSYKEY Target key name already exists."), RedisFault::broken);
  EXPECT_EQ(fault_of("NOSCRIPT No matching script."), RedisFault::no_script);
  EXPECT_EQ(fault_of("NOPERM this user has no permissions"), RedisFault::refused);
  EXPECT_EQ(fault_of("WRONGTYPE Operation against a key"), RedisFault::broken);
  EXPECT_GT(error_of("r", "LOADING Redis is loading").retry_after_ms, 0U);
  EXPECT_EQ(error_of("r", "NOAUTH Authentication required.").retry_after_ms, 0U);
}

}  // namespace
}  // namespace sublet::broker
