#pragma once

#include <cstdint>
#include <utility>
#include <vector>

#include "common/bytes.hpp"
#include "common/ids.hpp"
#include "common/wire/messages.hpp"

namespace sublet::producer {

/// A number of chunks together with the bytes of their payloads: what credit, windows and batches are counted in.
struct Load {
  std::uint64_t chunks = 0;
  std::uint64_t bytes = 0;

  constexpr bool operator==(const Load&) const = default;
  constexpr Load& operator+=(Load other) {
    chunks += other.chunks;
    bytes += other.bytes;
    return *this;
  }
  constexpr Load& operator-=(Load other) {
    chunks -= other.chunks;
    bytes -= other.bytes;
    return *this;
  }
  constexpr Load operator+(Load other) const { return Load{*this} += other; }
  [[nodiscard]] constexpr bool fits(Load limit) const { return chunks <= limit.chunks && bytes <= limit.bytes; }
};

/// Chunks that go out under one SUBMIT. Kept, and repeated, until the broker has accepted them.
struct Batch {
  std::vector<ChunkRange> chunks;
  wire::U32List lengths;
  Blob payload;
  /// Place of its earliest chunk among all that were submitted to the job: what a flush compares with.
  std::uint64_t first_sequence = 0;

  [[nodiscard]] Load load() const { return {.chunks = lengths.values.size(), .bytes = payload.size()}; }
};

/// A batch of one chunk that is sent from where its bytes lie.
Batch lone_batch(ChunkId chunk, Blob payload, std::uint64_t sequence);

/// Cuts `batch` behind the most chunks that fit `limit`, at least one. The second half is empty when all of them fit.
std::pair<Batch, Batch> cut(Batch batch, Load limit);

/// Packs small chunks into one payload, in the order they come.
class BatchBuilder {
 public:
  void append(ChunkId chunk, ByteView payload, std::uint64_t sequence);

  [[nodiscard]] bool empty() const { return ids_.empty(); }
  [[nodiscard]] Load load() const { return {.chunks = ids_.size(), .bytes = payload_.size()}; }
  [[nodiscard]] std::uint64_t first_sequence() const { return first_sequence_; }

  /// The batch, ascending by id so that ids from many threads make few ranges. Of an id that came twice the first bytes stand, as they
  /// would had the two gone out one after the other. The builder is empty afterwards.
  Batch seal();

 private:
  void sort();

  std::vector<std::uint64_t> ids_;
  std::vector<std::uint32_t> lengths_;
  std::vector<std::byte> payload_;
  std::uint64_t first_sequence_ = 0;
  bool ascending_ = true;
};

}  // namespace sublet::producer
