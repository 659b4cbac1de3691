#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <vector>

#include "common/bytes.hpp"
#include "common/error.hpp"
#include "common/ids.hpp"
#include "common/wire/messages.hpp"
#include "producer/core/batch.hpp"
#include "producer/outputs.hpp"

namespace sublet::producer {

/// One entry of a job's output log, as received. Its lists agree with each other: see `check_output`.
struct OutputEntry {
  wire::Output message;
  Blob payload;
  /// Chunks of it that were not handed out yet.
  std::uint64_t left = 0;

  [[nodiscard]] Load load() const { return {.chunks = message.lengths.values.size(), .bytes = payload.size()}; }
};

/// `protocol_error` when the lists of an OUTPUT do not agree in length, or its lengths do not add up to the payload.
Result<void> check_output(const wire::Output& output, const Blob& payload);

/// The entries one reader holds, and the order in which their chunks are handed out. Knows up to which entry everything is handled.
class OutputSequence {
 public:
  OutputSequence(Order order, ChunkId first) : order_(order), next_id_(first.value) {}

  void add(OutputEntry entry);
  /// No more entries come: what waits for an earlier id waits no longer.
  void end() { ended_ = true; }

  /// Appends what can be handed out now, at most `most`.
  void fill(std::vector<ChunkOutput>& outputs, std::size_t most);
  /// The last entry of which, and of all before it, every chunk was handed out; 0 for none yet.
  [[nodiscard]] Cursor handed_out();
  /// What waits here.
  [[nodiscard]] Load held() const { return held_; }
  [[nodiscard]] bool empty() const { return runs_.empty() && waiting_.empty(); }

 private:
  /// Chunks of one entry with consecutive ids.
  struct Run {
    std::shared_ptr<OutputEntry> entry;
    ChunkRange ids;
    std::size_t index = 0;   ///< of its first chunk in the entry
    std::size_t offset = 0;  ///< of that chunk's bytes in the payload
    std::size_t detail = 0;  ///< the first of the entry's details that may belong to it
  };
  void release();
  ChunkOutput take(Run& run);

  Order order_;
  std::uint64_t next_id_;
  bool ended_ = false;
  std::deque<Run> runs_;                              ///< ready to be handed out
  std::map<std::uint64_t, Run> waiting_;              ///< by first id: an earlier one is missing
  std::deque<std::shared_ptr<OutputEntry>> entries_;  ///< in the log's order, not handed out to the end
  Cursor handed_out_;
  Load held_;
};

}  // namespace sublet::producer
