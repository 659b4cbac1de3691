#include "broker/core/dead_batch.hpp"

#include <gtest/gtest.h>

namespace sublet::broker {
namespace {

std::shared_ptr<const BatchRecord> six_chunks() {
  return std::make_shared<const BatchRecord>(
      BatchRecord{.chunks = {{.first = 10, .count = 4}, {.first = 90, .count = 2}}, .lengths = {{1, 2, 3, 4, 5, 6}}});
}

Batch batch_of_six() {
  std::vector<std::byte> payload;
  for (std::uint8_t length = 1; length <= 6; ++length) payload.insert(payload.end(), length, std::byte{length});
  return {BatchId{1}, six_chunks(), Blob::copy_of(payload)};
}

DeadBatch four_dead() {
  auto batch = batch_of_six();
  DeadDraft draft;
  draft.add(batch, {.batch = {1}, .begin = 1, .count = 2}, {.count = 2, .attempts = 4}, ErrorCode::transient, "away");
  draft.add(batch, {.batch = {1}, .begin = 3, .count = 2}, {.count = 2, .crashes = 3}, ErrorCode::poison, "crashed");
  return draft.take();
}

std::vector<std::uint64_t> ids_of(const DeadBatch& batch) {
  std::vector<std::uint64_t> ids;
  for (const auto& entry : entries_of(*batch.record)) ids.push_back(entry.id);
  return ids;
}

TEST(DeadBatch, HoldsThePayloadsOfTheDeadAlone) {
  const auto dead = four_dead();
  EXPECT_EQ(ids_of(dead), (std::vector<std::uint64_t>{11, 12, 13, 90}));
  EXPECT_EQ(dead.payload.size(), 2U + 3 + 4 + 5);
  for (const auto& entry : entries_of(*dead.record)) {
    for (const auto byte : dead.payload.slice(entry.offset, entry.bytes).view()) EXPECT_EQ(static_cast<std::uint32_t>(byte), entry.bytes);
  }
}

TEST(DeadBatch, TellsOfEachHowItDied) {
  const auto dead = four_dead();
  const auto entries = entries_of(*dead.record);
  EXPECT_EQ(entries[1].code, ErrorCode::transient);
  EXPECT_EQ(entries[1].attempts, 4U);
  EXPECT_EQ(entries[1].detail, "away");
  EXPECT_EQ(entries[3].code, ErrorCode::poison);
  EXPECT_EQ(entries[3].crashes, 3U);
  EXPECT_EQ(entries[3].detail, "crashed");
}

TEST(DeadBatch, KeepsOneTextForNeighboursThatShareIt) { EXPECT_EQ(four_dead().record->details.size(), 2U); }

TEST(DeadBatch, IsCutToSomeOfItsChunks) {
  const auto dead = four_dead();
  auto entries = entries_of(*dead.record);
  entries.erase(entries.begin() + 1);
  const auto cut = only(dead, entries);
  EXPECT_EQ(ids_of(cut), (std::vector<std::uint64_t>{11, 13, 90}));
  const auto left = entries_of(*cut.record);
  EXPECT_EQ(left[1].detail, "crashed");
  for (const auto byte : cut.payload.slice(left[1].offset, left[1].bytes).view()) EXPECT_EQ(byte, std::byte{4});
}

TEST(DeadBatch, IsSelectedByCodeAndByRange) {
  const DeadEntry entry{.id = 12, .code = ErrorCode::poison, .replayed = {}, .detail = {}};
  EXPECT_TRUE(selects({}, entry));
  EXPECT_TRUE(selects({.codes = {{403}}, .chunks = {{.first = 10, .count = 3}}}, entry));
  EXPECT_FALSE(selects({.codes = {{402}}, .chunks = {}}, entry));
  EXPECT_FALSE(selects({.codes = {}, .chunks = {{.first = 10, .count = 2}}}, entry));
}

}  // namespace
}  // namespace sublet::broker
