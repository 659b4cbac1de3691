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

  static RecordKey payload_key(std::uint64_t item) { return {.kind = RecordKind::payload, .owner = 1, .item = item, .hash = {}}; }

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

  /// Commits that batch 1 of owner 1 and on have these payloads, and no runs: nothing of them was ever handed out.
  static void commit_payloads(Store& store, std::uint64_t number, const std::vector<Blob>& payloads) {
    std::vector<Write> writes;
    for (const auto& payload : payloads) {
      const std::uint64_t item = writes.size() / 2 + 1;
      BatchRecord batch{.chunks = {{.first = item, .count = 1}}, .lengths = {.values = {static_cast<std::uint32_t>(payload.size())}}};
      writes.push_back({{.kind = RecordKind::batch, .owner = 1, .item = item, .hash = {}}, std::make_shared<const BatchRecord>(batch)});
      writes.push_back({payload_key(item), payload});
    }
    ASSERT_TRUE(commit(store, number, std::move(writes)));
  }

  /// Asks and waits for as many answers, as the loop does.
  static std::map<RecordKey, Result<Blob>> fetch_payloads(Store& store, std::vector<RecordKey> payloads) {
    std::map<RecordKey, Result<Blob>> given;
    const auto count = payloads.size();
    store.want(std::move(payloads));
    for (std::size_t answers = 0;;) {
      EXPECT_FALSE(store.finished()) << "no commit is in flight";
      answers += take_payloads(store, given);
      if (answers >= count) return given;
      pollfd descriptor{.fd = store.fd(), .events = POLLIN, .revents = 0};
      ::poll(&descriptor, 1, 1000);
    }
  }
  static std::size_t take_payloads(Store& store, std::map<RecordKey, Result<Blob>>& given) {
    auto payloads = store.fetched();
    for (auto& payload : payloads) EXPECT_TRUE(given.emplace(payload.key, std::move(payload.bytes)).second) << "given twice";
    return payloads.size();
  }
  static void expect_bytes(const Result<Blob>& given, const Blob& expected) {
    ASSERT_TRUE(given) << to_text(given.error());
    EXPECT_TRUE(same_value(*given, expected));
  }
  static std::vector<Blob> small_and_large() { return {blob("a"), blob(std::string(1U << 20U, 'b')), blob(std::string(5000, 'c'))}; }

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

TEST_P(StoreSuite, EveryPayloadIsLoadedOrGivenWhenItIsAskedFor) {
  const auto store = GetParam().open();
  const auto payloads = small_and_large();
  commit_payloads(*store, 1, payloads);
  const auto loaded = store->load();
  ASSERT_TRUE(loaded) << to_text(loaded.error());
  std::map<RecordKey, Result<Blob>> held;
  std::vector<RecordKey> away;
  for (std::uint64_t item = 1; item <= payloads.size(); ++item) {
    const auto found = loaded->find(payload_key(item));
    if (found == loaded->end()) {
      away.push_back(payload_key(item));
    } else {
      held.emplace(found->first, std::get<Blob>(found->second));
    }
  }
  ASSERT_TRUE(away.empty() || store->info().pages) << "a store that gives nothing back loads everything";
  held.merge(fetch_payloads(*store, away));
  for (std::uint64_t item = 1; item <= payloads.size(); ++item) expect_bytes(held.at(payload_key(item)), payloads[item - 1]);
}

TEST_P(StoreSuite, AStoreThatDoesNotPageGivesNothing) {
  const auto store = GetParam().open();
  if (store->info().pages) GTEST_SKIP() << GetParam().name << " pages";
  commit_payloads(*store, 1, small_and_large());
  store->want({payload_key(1)});
  EXPECT_FALSE(store->finished());
  EXPECT_TRUE(store->fetched().empty());
}

/// What a store that `pages` has to do besides. Instantiated for those alone.
class PagingSuite : public StoreSuite {
 protected:
  void SetUp() override {
    store = GetParam().open();
    ASSERT_TRUE(store->info().pages);
  }
  std::unique_ptr<Store> store;
};

// Tests of stores that do not page include this file too.
GTEST_ALLOW_UNINSTANTIATED_PARAMETERIZED_TEST(PagingSuite);

TEST_P(PagingSuite, GivesEachPayloadOnceByteForByte) {
  const auto payloads = small_and_large();
  commit_payloads(*store, 1, payloads);
  const auto given = fetch_payloads(*store, {payload_key(2), payload_key(3), payload_key(1)});
  for (std::uint64_t item = 1; item <= payloads.size(); ++item) expect_bytes(given.at(payload_key(item)), payloads[item - 1]);
  EXPECT_TRUE(store->fetched().empty());
}

TEST_P(PagingSuite, GivesAPayloadAgainWhenItIsAskedForAgain) {
  commit_payloads(*store, 1, small_and_large());
  for (int time = 0; time < 2; ++time) expect_bytes(fetch_payloads(*store, {payload_key(2)}).at(payload_key(2)), small_and_large()[1]);
}

TEST_P(PagingSuite, SaysThatAPayloadIsLostAndGivesTheOthers) {
  commit_payloads(*store, 1, small_and_large());
  ASSERT_TRUE(commit(*store, 2, {{payload_key(1), Erase{}}, {payload_key(2), Erase{}}}));
  const auto given = fetch_payloads(*store, {payload_key(1), payload_key(2), payload_key(3), payload_key(77)});
  for (const std::uint64_t item : {1, 2, 77}) {
    ASSERT_FALSE(given.at(payload_key(item))) << item;
    EXPECT_EQ(given.at(payload_key(item)).error().code, ErrorCode::payload_lost);
  }
  expect_bytes(given.at(payload_key(3)), small_and_large()[2]);
}

TEST_P(PagingSuite, GivesPayloadsWhileACommitIsInFlight) {
  commit_payloads(*store, 1, small_and_large());
  store->begin({.number = 2, .writes = {{bytes_key(9, 9), blob("x")}}});
  store->want({payload_key(1), payload_key(2)});
  std::map<RecordKey, Result<Blob>> given;
  std::size_t answers = 0;
  for (bool committed = false; !committed || answers < 2;) {
    pollfd descriptor{.fd = store->fd(), .events = POLLIN, .revents = 0};
    ::poll(&descriptor, 1, 1000);
    if (const auto answer = store->finished()) {
      EXPECT_TRUE(answer->outcome);
      committed = true;
    }
    answers += take_payloads(*store, given);
  }
  expect_bytes(given.at(payload_key(1)), small_and_large()[0]);
  expect_bytes(given.at(payload_key(2)), small_and_large()[1]);
}

TEST_P(PagingSuite, LoadsPayloadsOfTouchedBatchesAndGivesTheOthersWhenItIsOpenedAgain) {
  commit_payloads(*store, 1, small_and_large());
  ASSERT_TRUE(commit(*store, 2, {{{.kind = RecordKind::runs, .owner = 1, .item = 3, .hash = {}}, RunsRecord{.runs = {{.count = 1}}}}}));
  store.reset();
  const auto again = GetParam().reopen();
  const auto loaded = again->load();
  ASSERT_TRUE(loaded) << to_text(loaded.error());
  EXPECT_FALSE(loaded->contains(payload_key(2))) << "large and untouched: it is not loaded before its turn";
  ASSERT_TRUE(loaded->contains(payload_key(3)));
  EXPECT_TRUE(same_value(loaded->at(payload_key(3)), small_and_large()[2]));
  const auto given = fetch_payloads(*again, {payload_key(1), payload_key(2)});
  expect_bytes(given.at(payload_key(1)), small_and_large()[0]);
  expect_bytes(given.at(payload_key(2)), small_and_large()[1]);
}

}  // namespace sublet::broker::conformance
