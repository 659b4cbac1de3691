#pragma once

#include <condition_variable>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <unordered_map>
#include <vector>

#include "common/bytes.hpp"
#include "common/error.hpp"
#include "common/ids.hpp"
#include "common/io/segment.hpp"
#include "common/pipeline/pipeline.hpp"
#include "common/random.hpp"
#include "common/time.hpp"

namespace sublet::producer {

/// Where the payloads of one job by reference lie, in memory of this process that workers of its host share. A chunk has its place from
/// before it is submitted until its output is let go of, so that there is always a place for that, too. Used by any number of threads.
class Places : public std::enable_shared_from_this<Places> {
 public:
  /// As many places as `memory` has room for. `bad_argument` when that is none, `resource_exhausted` when the host has not so much.
  static Result<std::shared_ptr<Places>> create(const Pipeline& pipeline, std::uint64_t max_chunk_bytes, Bytes memory, Random& random);

  explicit Places(io::Segment segment);

  /// A free place; waits for one as long as `patience`. `resource_exhausted` then, `interrupted` when `is_interrupted` says so.
  Result<std::uint64_t> take(Millis patience, const std::function<bool()>& is_interrupted);
  /// Of no more use: nothing was submitted from there.
  void give_back(std::uint64_t place);
  [[nodiscard]] std::span<std::byte> memory(std::uint64_t place) const { return segment_.payload(place); }

  /// What travels for a chunk whose payload is the first `length` bytes of its place.
  Blob submitted(ChunkId chunk, std::uint64_t place, std::uint64_t length);
  /// What the broker has for a chunk's output, made that output. The chunk's place is free as soon as nobody has the output any more.
  /// `payload_lost` for an output that was handed out before: a later reader may be sent it again.
  Result<Blob> output(ChunkId chunk, Result<Blob> travelled);

 private:
  std::optional<std::uint64_t> forget(ChunkId chunk);
  Result<Blob> find_output(ByteView travelled, std::uint64_t place);

  std::mutex mutex_;
  std::condition_variable freed_;
  io::Segment segment_;
  std::vector<std::uint64_t> free_;
  std::unordered_map<ChunkId, std::uint64_t> of_chunks_;
};

}  // namespace sublet::producer
