#pragma once

#include <cstdint>
#include <deque>
#include <optional>

#include "common/error.hpp"
#include "common/ids.hpp"
#include "common/job.hpp"
#include "common/time.hpp"
#include "producer/core/output_sequence.hpp"
#include "producer/core/submit_queue.hpp"

namespace sublet::producer {

/// A reader of one job's outputs, as the connection sees it.
struct ReaderState {
  std::uint64_t id = 0;
  std::uint64_t request = 0;        ///< of its READ
  std::uint64_t first_request = 0;  ///< of its first READ over any connection; 0: none was sent
  Load window;
  bool read_due = true;
  Cursor received;                  ///< last entry that came
  std::deque<OutputEntry> entries;  ///< came, not fetched by the reader yet
  Cursor taken;                     ///< the caller has handled everything up to here
  Cursor taken_sent;
  Load untold;            ///< handled, and the broker does not know yet
  bool tell_now = false;  ///< of what is untold, without waiting for something to travel with
  std::optional<Instant> tell_by;
};

/// One job, as the connection sees it.
struct KnownJob {
  JobId id;
  std::uint64_t max_chunk_bytes = 0;  ///< 0: not known here; the broker checks

  SubmitQueue queue;
  /// Why the broker takes no more chunks from here.
  std::optional<Error> refused;
  /// Why the job is no more.
  std::optional<Error> lost;

  std::optional<JobStatus> status;  ///< the newest seen
  std::uint64_t watch_request = 0;  ///< 0: not followed
  Millis watch_interval{0};
  bool watch_due = false;
  /// It has ended, but outputs are still to come, and the broker is another or its store may have lost the end: what it says now counts.
  bool end_in_doubt = false;

  Cursor taken_before;  ///< outputs up to here were taken before the job was opened here
  Cursor taken_told;    ///< of these, what the broker has been told over this connection
  std::optional<ReaderState> reader;
  bool stop_reading = false;  ///< the reader is gone, and the broker does not know yet

  bool due = false;       ///< stands in the connection's turn
  bool released = false;  ///< no caller has it any more; kept until its chunks are accepted

  [[nodiscard]] bool ended() const { return status && has_ended(status->state); }
  /// The job has ended and its whole output log was received.
  [[nodiscard]] bool all_received() const { return ended() && reader && reader->received >= status->last_output; }
};

}  // namespace sublet::producer
