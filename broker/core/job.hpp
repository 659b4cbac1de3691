#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <unordered_set>
#include <utility>
#include <vector>

#include "broker/core/batch.hpp"
#include "broker/core/dead_batch.hpp"
#include "broker/core/interval_set.hpp"
#include "broker/core/output_log.hpp"
#include "broker/core/queue.hpp"
#include "broker/core/watch.hpp"
#include "broker/stores/record.hpp"
#include "common/error.hpp"
#include "common/job.hpp"
#include "common/pipeline/lanes.hpp"
#include "common/time.hpp"

namespace sublet::broker {

struct Bucket;

/// What a watcher counts for.
inline constexpr std::uint64_t kWatcherBytes = 256;

/// A job: what was asked for, its stored batches, and how far they are.
struct Job {
  JobId id;
  std::uint64_t number = 0;
  JobSpec spec;
  LeaseNeed need;
  Queue* queue = nullptr;
  /// Where its ready chunks are offered to sessions; nullptr once it has ended.
  Bucket* bucket = nullptr;

  /// What the store holds about its progress; the live counts below are not in it.
  ProgressRecord progress;
  ProgressRecord written;  ///< as it was written last
  std::uint64_t ready = 0;
  std::uint64_t waiting = 0;
  std::uint64_t leased = 0;

  IntervalSet ids;
  std::map<BatchId, Batch> batches;
  /// Batches with a plainly ready chunk. Fresh chunks are granted in order of batch and position, so whatever comes back (a backoff that
  /// has passed, a lost lease) stands before every fresh one and is granted first.
  std::set<BatchId> ready_batches;
  /// Ready chunks that must run alone, by batch and position, and the lease that is being emptied for the first of them.
  std::set<std::pair<BatchId, std::uint32_t>> alone;
  LeaseId alone_lease;

  /// Ready batches whose payload is in the store only: those that nobody has asked for yet, and those that are on their way.
  std::set<BatchId> away;
  std::set<BatchId> coming;
  std::uint64_t coming_bytes = 0;
  std::uint64_t next_position = 0;  ///< of a batch
  std::uint64_t fetch_turn = 0;     ///< its turn for room, while the payload it needs next is in the store only; 0: it needs none

  OutputLog log;
  Watchers watchers;
  /// Leases that ran any of its chunks.
  std::unordered_set<LeaseId> sessions;

  /// What one chunk takes, averaged over its last grants; 0 while unknown.
  double micros_per_chunk = 0;
  Instant opened;
  Instant touched;

  /// Nothing of it is granted: it is delayed, or waits for other jobs.
  bool held = false;
  Instant released;                 ///< when it was held last
  std::optional<Instant> starts;    ///< end of its delay, while it is delayed
  std::optional<Instant> deadline;  ///< until it has ended
  Instant forgotten_at;             ///< once it has ended
  std::set<JobId> awaits;           ///< jobs that have not ended and that it runs after
  std::set<JobId> dependents;       ///< the reverse
  bool timing_stored = false;
  bool checkpointed = false;  ///< a timer will write its times down again

  JobId origin;                             ///< the job whose dead chunks it runs again
  std::map<std::uint64_t, DeadBatch> dead;  ///< its own, in the order they died
  std::uint64_t last_dead = 0;
  std::uint64_t dead_bytes = 0;  ///< that they count for

  std::uint64_t ended_turn = 0;   ///< its place among the ended ones; 0: none
  std::uint64_t kept_bytes = 0;   ///< of an ended one: what it counts for
  std::uint64_t event_bytes = 0;  ///< counted in its queue

  /// Its turn in its bucket; 0 while it does not stand there.
  std::uint64_t turn = 0;
  bool dirty = false;
  bool moved = false;      ///< watchers may want to know
  bool readable = false;   ///< the reader may get more
  bool log_dirty = false;  ///< entries were appended or taken

  [[nodiscard]] bool has_ended() const { return sublet::has_ended(progress.state); }
  [[nodiscard]] std::uint64_t unfinished() const { return ready + waiting + leased; }
  /// The count of chunks in `state`.
  std::uint64_t& count(ChunkState state);
};

JobStatus status_of(const Job& job, Instant now);

/// How a job ends, when it does now.
struct Ending {
  JobState state = JobState::open;
  Error error{.code = ErrorCode::ok, .detail = {}};
};

/// What the job's policy makes of its counts; `open` while it goes on.
Ending ending_of(const Job& job);

/// Why `spec` cannot be opened, if so.
Result<void> check_spec(const JobSpec& spec, std::uint64_t max_chunk_bytes);

/// The first field in which two specifications differ, in words: "priority (4, asked for 7)".
std::string difference_of(const JobSpec& present, const JobSpec& asked);

}  // namespace sublet::broker
