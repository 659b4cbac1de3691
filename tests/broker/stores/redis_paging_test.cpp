// Payloads that the broker has no room for: left where they are when a shard is loaded, and given when they are asked for.

#include "tests/broker/stores/committing.hpp"

namespace sublet::broker::test {
namespace {

RecordKey payload_key(std::uint64_t batch) { return {.kind = RecordKind::payload, .owner = 1, .item = batch, .hash = {}}; }
RecordKey runs_key(std::uint64_t batch) { return {.kind = RecordKind::runs, .owner = 1, .item = batch, .hash = {}}; }

struct RedisPaging : RedisTest {
  /// What the store gives, as the loop sees it: first characters, or the error's name, in the order of the batches.
  static std::string asked_for(Store& store, std::vector<RecordKey> payloads) {
    std::map<RecordKey, std::string> given;
    const auto count = payloads.size();
    store.want(std::move(payloads));
    std::optional<CommitResult> answer;
    EXPECT_TRUE(serve_until(store, answer, [&] {
      for (auto& payload : store.fetched()) {
        given[payload.key] =
            payload.bytes ? std::string(as_text(payload.bytes->view())) : std::string(error_info(payload.bytes.error().code).name);
      }
      return given.size() == count;
    }));
    std::string all;
    for (const auto& [key, text] : given) all += text.size() > 100 ? text.substr(0, 1) + std::to_string(text.size()) + " " : text + " ";
    return all;
  }
};

const std::string kLarge = std::to_string(4 * kInlineBytes);

TEST_F(RedisPaging, LoadsThePayloadsOfBatchesThatSomethingTouched) {
  ASSERT_TRUE(commit(*open(), 1,
                     {{payload_key(1), large('a')},
                      {payload_key(2), large('b')},
                      {runs_key(2), RunsRecord{.runs = {{.count = 1}}}},
                      {payload_key(3), small("c")}}));
  const auto store = open();
  const auto records = store->load();
  ASSERT_TRUE(records) << to_text(records.error());
  EXPECT_FALSE(records->contains(payload_key(1)));
  EXPECT_TRUE(records->contains(payload_key(2)));
  EXPECT_EQ(asked_for(*store, {payload_key(1), payload_key(2), payload_key(3)}), "a" + kLarge + " b" + kLarge + " c ");
}

TEST_F(RedisPaging, GivesWhatItTookItselfAndSaysWhatIsGone) {
  const auto store = open();
  ASSERT_TRUE(commit(*store, 1, {{payload_key(1), large('a')}, {payload_key(2), large('b')}}));
  ASSERT_TRUE(commit(*store, 2, {{payload_key(2), Erase{}}}));
  EXPECT_EQ(asked_for(*store, {payload_key(1), payload_key(2)}), "a" + kLarge + " payload_lost ");
}

TEST_F(RedisPaging, AsksAgainOverANewConnection) {
  const auto store = open({.timing = {.reply_timeout = 50ms}});
  ASSERT_TRUE(commit(*store, 1, {{payload_key(1), large('a')}}));
  server.signal(SIGSTOP);
  store->want({payload_key(1)});
  std::optional<CommitResult> answer;
  EXPECT_TRUE(serve_until(*store, answer, [&] { return !store->health().ready; }));
  server.signal(SIGCONT);
  std::vector<FetchedPayload> given;
  EXPECT_TRUE(serve_until(*store, answer, [&] {
    given = store->fetched();
    return !given.empty();
  }));
  ASSERT_TRUE(given.front().bytes);
  EXPECT_EQ(given.front().bytes->size(), 4 * kInlineBytes);
}

TEST_F(RedisPaging, WhatIsCompressedIsReadWhateverIsAskedForNow) {
  const Blob zeros = Blob::copy_of(std::vector<std::byte>(100'000));
  ASSERT_TRUE(commit(*open({.compression = Compression::lz4}), 1, {{payload_key(1), zeros}, {bytes_key(2), zeros}}));
  for (const auto& key : server.keys("sublet:{0}:1-*")) EXPECT_LT(server.run({"STRLEN", key}).integer(), 1'000);
  const auto store = open();
  const auto records = store->load();
  ASSERT_TRUE(records) << to_text(records.error());
  EXPECT_EQ(std::get<Blob>(records->at(bytes_key(2))).size(), zeros.size());
  store->want({payload_key(1)});
  std::optional<CommitResult> answer;
  std::vector<FetchedPayload> given;
  EXPECT_TRUE(serve_until(*store, answer, [&] {
    given = store->fetched();
    return !given.empty();
  }));
  ASSERT_TRUE(given.front().bytes) << to_text(given.front().bytes.error());
  EXPECT_EQ(given.front().bytes->size(), zeros.size());
}

}  // namespace
}  // namespace sublet::broker::test
