#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <optional>

#include "common/bytes.hpp"
#include "common/ids.hpp"
#include "common/time.hpp"
#include "producer/core/batch.hpp"

namespace sublet::producer {

/// SUBMITs of one job that may wait for their ACCEPTED at the same time: enough to keep the broker busy while an answer travels.
inline constexpr std::size_t kMaxInFlight = 4;
/// From here on a payload is sent from the caller's memory under a SUBMIT of its own: copying it would cost more than the message.
inline constexpr std::size_t kLonePayloadBytes = 64U << 10U;
/// Where packing stops: the message's own cost is spread thin enough by then, and a smaller batch reaches a worker sooner.
inline constexpr Load kFullBatch = {.chunks = 2'048, .bytes = 1U << 20U};

/// What was submitted to one job and is not accepted yet. A lone chunk goes out at once; what comes while the last batch is in flight is
/// packed together and goes when that one is answered, or earlier when it is full.
class SubmitQueue {
 public:
  /// @param full  the largest batch to pack; at least one chunk goes into each
  void set_full(Load full) { full_ = full; }

  /// Copies a small payload, keeps a reference to a large one.
  void append(ChunkId chunk, const Blob& payload);
  void append(ChunkId chunk, ByteView payload);
  /// Makes room for a batch of this size in one piece, so that what a caller submits together stays together.
  void begin(Load batch);

  /// How a batch may go out now.
  struct Room {
    Load free;          ///< of the connection's credit
    bool idle = false;  ///< nothing of the connection is in flight: then one chunk goes even if it is larger than `free`
  };
  /// The next batch to send, now in flight under `request`; nothing when there is none, or not yet.
  const Batch* send_next(std::uint64_t request, Room room, Instant now);
  /// Whether `send_next` would find a batch, credit and the wait after a refusal aside.
  [[nodiscard]] bool may_send() const;
  /// When a refused batch may go again.
  [[nodiscard]] std::optional<Instant> retry_at() const { return retry_at_; }

  /// The load that is no longer in flight; nothing for a request that is not known (any more).
  std::optional<Load> accepted(std::uint64_t request);
  /// The broker had no room: the batch goes again at `at`, and nothing of the job before.
  std::optional<Load> repeat_later(std::uint64_t request, Instant at);
  /// The connection is new: everything in flight goes again, first, in its order.
  void repeat_all();
  /// Forgets everything. Returns what was queued or in flight.
  Load drop_all();

  /// How many chunks were ever submitted.
  [[nodiscard]] std::uint64_t submitted() const { return next_sequence_; }
  /// Everything submitted before this is accepted.
  [[nodiscard]] std::uint64_t accepted_through() const;
  /// Chunks not accepted yet.
  [[nodiscard]] Load unaccepted() const;
  [[nodiscard]] Load in_flight_load() const { return in_flight_load_; }
  /// Chunks that were left out because their id stood in the same batch already; forgets them.
  Load take_left_out();

 private:
  void seal();
  std::optional<Batch> end_flight(std::uint64_t request);

  Load full_ = kFullBatch;
  BatchBuilder open_;
  std::deque<Batch> sealed_;
  Load sealed_load_;
  std::map<std::uint64_t, Batch> in_flight_;
  Load in_flight_load_;
  Load left_out_;
  std::uint64_t next_sequence_ = 0;
  std::optional<Instant> retry_at_;
};

}  // namespace sublet::producer
