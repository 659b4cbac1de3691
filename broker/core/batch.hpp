#pragma once

#include <cstddef>
#include <cstdint>
#include <numeric>
#include <span>
#include <vector>

#include "broker/stores/record.hpp"
#include "common/bytes.hpp"
#include "common/time.hpp"

namespace sublet::broker {

/// A chunk that ended so many sessions runs alone, and a death while alone is its last.
inline constexpr std::uint16_t kCrashesBeforeAlone = 2;

/// A stored batch holds at most so many chunks, which bounds the record of its runs; a larger SUBMIT is stored as several.
inline constexpr std::uint32_t kMaxStoredChunks = 4096;

/// Of lengths or durations, which together pass 32 bits.
inline std::uint64_t total(std::span<const std::uint32_t> values) {
  return std::accumulate(values.begin(), values.end(), std::uint64_t{0});
}

/// A run in memory: its record and where it begins in the batch.
struct Run {
  std::uint32_t begin = 0;
  RunRecord record;

  [[nodiscard]] std::uint32_t end() const { return begin + record.count; }
  [[nodiscard]] bool alone() const { return record.crashes >= kCrashesBeforeAlone; }
};

/// Whether work may be handed out from this run together with other work.
inline bool is_plainly_ready(const RunRecord& record) { return record.state == ChunkState::ready && record.crashes < kCrashesBeforeAlone; }

/// Chunks that are stored together, their payload, and the runs that say what state each is in. One run while they stay together.
class Batch {
 public:
  /// @param payload  empty: it is in the store
  Batch(BatchId id, SharedBatch record, Blob payload);
  /// With the runs that a store held.
  Batch(BatchId id, SharedBatch record, Blob payload, const RunsRecord& runs);

  [[nodiscard]] BatchId id() const { return id_; }
  [[nodiscard]] const SharedBatch& record() const { return record_; }
  /// Only of a batch that is resident.
  [[nodiscard]] const Blob& payload() const { return payload_; }
  /// Of its payload, wherever that is.
  [[nodiscard]] std::uint64_t bytes() const { return bytes_; }
  /// Its payload is in memory.
  [[nodiscard]] bool is_resident() const { return payload_.size() == bytes_; }
  void drop_payload() { payload_ = Blob(); }
  /// @param payload  `bytes()` of them
  void set_payload(Blob payload) { payload_ = std::move(payload); }
  [[nodiscard]] std::uint32_t count() const { return static_cast<std::uint32_t>(record_->lengths.values.size()); }
  [[nodiscard]] const std::vector<Run>& runs() const { return runs_; }
  [[nodiscard]] RunsRecord runs_record() const;

  /// The run that position `position` is in.
  [[nodiscard]] const Run& run_at(std::uint32_t position) const;
  /// The first run at or after `from` that is plainly ready; nullptr when there is none.
  [[nodiscard]] const Run* first_ready(std::uint32_t from = 0);

  /// Gives the chunks `begin .. begin + value.count - 1`, which lie within one run, the state `value`. Splits and joins runs.
  void assign(std::uint32_t begin, const RunRecord& value);

  /// Chunks that are plainly ready, and chunks that are not done, dead or dropped.
  [[nodiscard]] std::uint32_t ready() const { return ready_; }
  [[nodiscard]] std::uint32_t unfinished() const { return unfinished_; }

  /// Where the payload of the chunk at `position` begins. Cheap when asked in ascending order.
  [[nodiscard]] std::size_t offset_of(std::uint32_t position);
  /// Sum of the lengths of `count` chunks from `begin`.
  [[nodiscard]] std::size_t bytes_of(std::uint32_t begin, std::uint32_t count) const;

  /// Appends the ids of `count` chunks from position `begin`, joined to the last range where they continue it.
  void append_ids(std::uint32_t begin, std::uint32_t count, std::vector<ChunkRange>& ids) const;

  Instant accepted_at;
  std::uint64_t stands_at = 0;  ///< bytes of its job's batches before it
  bool dirty = false;           ///< runs changed in this step
  bool stored = false;          ///< the store holds its batch and payload records
  bool runs_stored = false;

 private:
  [[nodiscard]] std::size_t index_of(std::uint32_t position) const;
  void count_run(const RunRecord& record, std::uint32_t begin, bool added);
  void join_around(std::size_t index);

  BatchId id_;
  SharedBatch record_;
  Blob payload_;
  std::uint64_t bytes_ = 0;
  std::vector<Run> runs_;
  /// Position of each range's first chunk; empty for the usual single range.
  std::vector<std::uint32_t> range_begins_;
  std::uint32_t ready_ = 0;
  std::uint32_t unfinished_ = 0;
  /// No plainly ready run begins before it.
  std::uint32_t ready_hint_ = 0;
  std::uint32_t offset_position_ = 0;
  std::size_t offset_ = 0;
};

}  // namespace sublet::broker
