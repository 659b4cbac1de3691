#pragma once

// What every store has to do, as a suite that runs over a factory: INSTANTIATE_TEST_SUITE_P(NAME, StoreSuite, testing::Values(factory)).

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include <gtest/gtest.h>
#include <poll.h>

#include "broker/stores/store.hpp"

namespace sublet::broker::conformance {

/// A store to test. `open` opens a new, empty one; `reopen` opens the one that `open` made last again, as a new process would, and is empty
/// for a store that does not outlive its process.
struct StoreFactory {
  std::string name;
  std::function<std::unique_ptr<Store>()> open;
  std::function<std::unique_ptr<Store>()> reopen;
};

inline void PrintTo(const StoreFactory& factory, std::ostream* out) { *out << factory.name; }

class StoreSuite : public ::testing::TestWithParam<StoreFactory> {
 protected:
  static Blob blob(std::string_view text) { return Blob::copy_of(as_view(text)); }
  static RecordKey bytes_key(std::uint64_t owner, std::uint64_t item) {
    return {.kind = RecordKind::output_bytes, .owner = owner, .item = item};
  }

  /// Commits and waits for the answer, as the loop does.
  static Result<void> commit(Store& store, std::uint64_t number, std::vector<Write> writes) {
    store.begin({.number = number, .writes = std::move(writes)});
    for (;;) {
      if (auto answer = store.finished()) {
        EXPECT_EQ(answer->number, number);
        return answer->outcome;
      }
      pollfd descriptor{.fd = store.fd(), .events = POLLIN, .revents = 0};
      ::poll(&descriptor, 1, 1000);
    }
  }

  static void expect_holds(Store& store, const std::map<RecordKey, RecordValue>& expected) {
    const auto loaded = store.load();
    ASSERT_TRUE(loaded) << to_text(loaded.error());
    ASSERT_EQ(loaded->size(), expected.size());
    for (const auto& [key, value] : expected) {
      ASSERT_TRUE(loaded->contains(key));
      EXPECT_TRUE(same_value(loaded->at(key), value));
    }
  }

  /// One value of every kind.
  static std::vector<Write> one_of_each() {
    BatchRecord batch{.chunks = {{.first = 5, .count = 2}}, .lengths = {.values = {3, 4}}};
    wire::Output output;
    output.job.value = 9;
    output.cursor.value = 1;
    output.chunks = {{.first = 5, .count = 1}};
    output.lengths.values = {3};
    JobRecord job;
    job.id.value = 9;
    job.spec.name = "a job";
    job.spec.retry.max_retries = 7;
    job.spec.isolation = Isolation::process;
    job.number = 3;
    ProgressRecord progress;
    progress.accepted = 2;
    progress.value.lost = 0.1;
    progress.error_detail = "why";
    LeaseRecord lease;
    lease.id.value = 11;
    lease.token = {.high = 1, .low = ~0ULL};
    lease.isolation = Isolation::process;
    lease.got = Isolation::process;
    lease.window_chunks = 4;
    GrantRecord grant;
    grant.id.value = 12;
    grant.lease.value = 11;
    grant.parts = {{.batch = {.value = 1}, .begin = 1, .count = 1}};
    RunsRecord runs;
    runs.runs = {{.count = 1, .state = ChunkState::leased, .crashes = 2, .attempts = 3, .ref = 12}, {.count = 1}};
    const auto key = [](RecordKind kind, std::uint64_t owner, std::uint64_t item = 0) {
      return RecordKey{.kind = kind, .owner = owner, .item = item, .hash = {}};
    };
    return {{key(RecordKind::queue, 1), QueueRecord{.name = "default", .paused = true}},
            {{.kind = RecordKind::bundle, .hash = {.words = {1, 2, 3, 4}}}, blob("bundle")},
            {key(RecordKind::job, 9), job},
            {key(RecordKind::progress, 9), progress},
            {key(RecordKind::accepted, 9, 5), AcceptedRecord{.last = 6}},
            {key(RecordKind::batch, 9, 1), std::make_shared<const BatchRecord>(batch)},
            {key(RecordKind::runs, 9, 1), runs},
            {key(RecordKind::payload, 9, 1), blob("payload")},
            {key(RecordKind::output, 9, 1), std::make_shared<const wire::Output>(output)},
            {key(RecordKind::output_bytes, 9, 1), blob("out")},
            {key(RecordKind::lease, 11), lease},
            {key(RecordKind::grant, 12), grant}};
  }
};

TEST_P(StoreSuite, StartsEmpty) {
  const auto store = GetParam().open();
  expect_holds(*store, {});
}

TEST_P(StoreSuite, LoadSeesEveryKindOfRecord) {
  const auto store = GetParam().open();
  std::map<RecordKey, RecordValue> expected;
  for (const auto& write : one_of_each()) expected.emplace(write.key, write.value);
  ASSERT_TRUE(commit(*store, 1, one_of_each()));
  expect_holds(*store, expected);
}

TEST_P(StoreSuite, WriteReplacesAndEraseRemoves) {
  const auto store = GetParam().open();
  ASSERT_TRUE(commit(*store, 1, {{bytes_key(1, 1), blob("a")}, {bytes_key(1, 2), blob("b")}}));
  ASSERT_TRUE(commit(*store, 2, {{bytes_key(1, 1), blob("c")}, {bytes_key(1, 2), Erase{}}, {bytes_key(7, 7), Erase{}}}));
  expect_holds(*store, {{bytes_key(1, 1), blob("c")}});
}

TEST_P(StoreSuite, TakesTheWritesOfACommitInOrder) {
  const auto store = GetParam().open();
  ASSERT_TRUE(commit(*store, 1,
                     {{bytes_key(1, 1), blob("a")}, {bytes_key(1, 1), Erase{}}, {bytes_key(1, 2), Erase{}}, {bytes_key(1, 2), blob("b")}}));
  expect_holds(*store, {{bytes_key(1, 2), blob("b")}});
}

TEST_P(StoreSuite, RepeatOfTheLastCommitAnswersAsTheFirstTimeAndChangesNothing) {
  const auto store = GetParam().open();
  ASSERT_TRUE(commit(*store, 1, {{bytes_key(1, 1), blob("a")}}));
  EXPECT_TRUE(commit(*store, 1, {{bytes_key(1, 1), blob("a")}}));
  expect_holds(*store, {{bytes_key(1, 1), blob("a")}});
}

TEST_P(StoreSuite, RefusesACommitThatLeavesAGapAndTakesNothingOfIt) {
  const auto store = GetParam().open();
  ASSERT_TRUE(commit(*store, 1, {{bytes_key(1, 1), blob("a")}}));
  EXPECT_FALSE(commit(*store, 3, {{bytes_key(1, 1), blob("x")}, {bytes_key(1, 2), blob("y")}}));
  expect_holds(*store, {{bytes_key(1, 1), blob("a")}});
  EXPECT_TRUE(commit(*store, 2, {{bytes_key(1, 2), blob("b")}}));
  EXPECT_FALSE(commit(*store, 1, {{bytes_key(1, 3), blob("z")}}));
  expect_holds(*store, {{bytes_key(1, 1), blob("a")}, {bytes_key(1, 2), blob("b")}});
}

TEST_P(StoreSuite, FetchesARecordOfTheLastCommit) {
  const auto store = GetParam().open();
  ASSERT_TRUE(commit(*store, 1, {{bytes_key(1, 1), blob("a")}}));
  const auto fetched = store->fetch(bytes_key(1, 1));
  ASSERT_TRUE(fetched);
  EXPECT_TRUE(same_value(*fetched, blob("a")));
  const auto missing = store->fetch(bytes_key(1, 2));
  ASSERT_FALSE(missing);
  EXPECT_EQ(missing.error().code, ErrorCode::not_found);
}

TEST_P(StoreSuite, KeepsLargeAndEmptyBlobsByteForByte) {
  const auto store = GetParam().open();
  std::string large(8U << 20U, '\0');
  for (std::size_t at = 0; at < large.size(); at += 4093) large[at] = static_cast<char>(at);
  ASSERT_TRUE(commit(*store, 1, {{bytes_key(1, 1), blob(large)}, {bytes_key(1, 2), Blob()}}));
  expect_holds(*store, {{bytes_key(1, 1), blob(large)}, {bytes_key(1, 2), Blob()}});
}

TEST_P(StoreSuite, TakesACommitWithoutWrites) {
  const auto store = GetParam().open();
  EXPECT_TRUE(commit(*store, 1, {}));
  EXPECT_TRUE(commit(*store, 2, {{bytes_key(1, 1), blob("a")}}));
}

TEST_P(StoreSuite, KeepsItsIdAndAnotherStoreHasAnother) {
  const auto store = GetParam().open();
  const auto id = store->info().id;
  EXPECT_NE(id, 0U);
  EXPECT_EQ(store->info().id, id);
  EXPECT_FALSE(store->info().name.empty());
  EXPECT_NE(GetParam().open()->info().id, id);
}

TEST_P(StoreSuite, HoldsEverythingWhenItIsOpenedAgain) {
  if (!GetParam().reopen) GTEST_SKIP() << GetParam().name << " does not outlive its process";
  auto store = GetParam().open();
  const auto id = store->info().id;
  ASSERT_TRUE(commit(*store, 1, one_of_each()));
  store.reset();
  const auto again = GetParam().reopen();
  EXPECT_EQ(again->info().id, id);
  std::map<RecordKey, RecordValue> expected;
  for (const auto& write : one_of_each()) expected.emplace(write.key, write.value);
  expect_holds(*again, expected);
}

}  // namespace sublet::broker::conformance
