#pragma once

// What the broker keeps in its store. A record is whole: a write replaces the record of that key.

#include <cstdint>
#include <memory>
#include <string>
#include <variant>
#include <vector>

#include "common/bytes.hpp"
#include "common/ids.hpp"
#include "common/job.hpp"
#include "common/wire/messages.hpp"

namespace sublet::broker {

/// Numbers a job's stored batches, ascending from 1.
using BatchId = Id<struct BatchTag>;

enum class ChunkState : std::uint8_t { ready, waiting, leased, done, dead, dropped };

/// Neighbouring chunks of one stored batch that share a state. `count` >= 1; a batch that stays together is one run.
struct RunRecord {
  std::uint32_t count = 0;
  ChunkState state = ChunkState::ready;
  std::uint8_t faults = 0;     ///< kernel faults among the attempts: the second is final
  std::uint16_t crashes = 0;   ///< session deaths noted
  std::uint32_t attempts = 0;  ///< that were charged
  /// leased: the grant. waiting: when it is due, in ms of the owner's clock. Otherwise 0.
  std::uint64_t ref = 0;

  bool operator==(const RunRecord&) const = default;
};

/// What never changes about a job. Written once.
struct JobRecord {
  JobId id;
  JobSpec spec;
  std::uint64_t number = 0;       ///< jobs in the order they were opened
  std::uint64_t lease_bytes = 0;  ///< the least VRAM of a lease for it
  std::uint64_t lane_bytes = 0;   ///< of each lane more; 0: there are as many as its pipeline says
  std::uint64_t opened_ms = 0;    ///< of the owner's clock
  JobId origin;                   ///< the job whose dead chunks it replays

  bool operator==(const JobRecord&) const = default;
};

/// What a job's finished outputs come to, for the aggregates that keep no outputs.
struct AggregateValue {
  std::uint64_t elements = 0;
  std::int64_t integer = 0;
  double real = 0;
  /// What rounding took from `real` (Neumaier's sum), so that the order of the outputs hardly matters.
  double lost = 0;

  bool operator==(const AggregateValue&) const = default;
};

/// What changes about a job, without its chunks. Small, and written at most once per step.
struct ProgressRecord {
  JobState state = JobState::open;
  ErrorCode error = ErrorCode::ok;
  std::string error_detail;
  std::uint64_t accepted = 0;
  std::uint64_t done = 0;
  std::uint64_t dead = 0;
  std::uint64_t dropped = 0;
  std::uint64_t retries = 0;
  std::uint64_t bytes_in = 0;
  std::uint64_t bytes_out = 0;
  std::uint64_t sessions = 0;
  AggregateValue value;
  BatchId last_batch;
  Cursor last_output;
  Cursor taken;

  bool operator==(const ProgressRecord&) const = default;
};

/// The ids `item of the key .. last` are accepted: one record per interval of the job's id set, so a submit writes one of them.
struct AcceptedRecord {
  std::uint64_t last = 0;

  bool operator==(const AcceptedRecord&) const = default;
};

/// Which chunks a stored batch holds. Written once, and shared with the core instead of copied.
struct BatchRecord {
  std::vector<ChunkRange> chunks;
  wire::U32List lengths;

  bool operator==(const BatchRecord&) const = default;
};

/// The state of a stored batch's chunks, by position. A batch without this record is one ready run.
struct RunsRecord {
  std::vector<RunRecord> runs;

  bool operator==(const RunsRecord&) const = default;
};

/// What a job waits for and until when, as far as it asks for any of it. Times are of the owner's clock, 0 for none.
struct TimingRecord {
  /// Names that clock (BrokerOptions::clock), and when this was written: by another clock, no time has passed since.
  std::uint64_t clock = 0;
  std::uint64_t written_ms = 0;
  std::uint64_t starts_ms = 0;     ///< end of its delay, while it is delayed
  std::uint64_t deadline_ms = 0;   ///< until it has ended
  std::uint64_t forgotten_ms = 0;  ///< once it has ended, with a TTL of its own
  std::vector<JobId> awaits;       ///< jobs that it still waits for

  bool operator==(const TimingRecord&) const = default;
};

/// Chunks that died together, for people to look at and to run again. Lists have one value for each chunk, unless said.
struct DeadRecord {
  std::vector<ChunkRange> chunks;
  wire::U32List lengths;
  wire::CodeList codes;
  wire::U32List attempts;
  wire::U32List crashes;
  /// Ascending; a detail holds from its index up to the next one's.
  std::vector<wire::ChunkDetail> details;
  /// Jobs that run them again, zero for none; empty when none was replayed.
  std::vector<JobId> replayed;
  /// Their payloads are stored beside it.
  bool kept = true;

  bool operator==(const DeadRecord&) const = default;
};

struct QueueRecord {
  std::string name;
  bool paused = false;

  bool operator==(const QueueRecord&) const = default;
};

struct LeaseRecord {
  LeaseId id;
  Token token;
  std::uint64_t instance = 0;  ///< the worker process that holds it
  ContentHash pipeline;
  std::uint64_t bytes = 0;
  std::uint64_t max_chunk_bytes = 0;
  std::string tenant = "default";
  Isolation isolation = Isolation::tenant;  ///< asked for
  Token host;                               ///< of its jobs by reference; else zero
  Isolation got = Isolation::tenant;        ///< by the last WINDOW, as what follows
  /// None before the session is up.
  bool up = false;
  std::uint64_t window_chunks = 0;
  std::uint64_t window_bytes = 0;
  std::uint64_t deadline_ms = 0;  ///< when its owner ends it unless it is renewed, by the owner's clock

  bool operator==(const LeaseRecord&) const = default;
};

/// A leased part of a stored batch: chunks `begin .. begin + count - 1` of it, by position.
struct GrantPart {
  BatchId batch;
  std::uint32_t begin = 0;
  std::uint32_t count = 0;

  bool operator==(const GrantPart&) const = default;
};

struct GrantRecord {
  GrantId id;
  LeaseId lease;
  Token token;
  JobId job;
  std::vector<GrantPart> parts;
  bool alone = false;

  bool operator==(const GrantRecord&) const = default;
};

/// What a record is. `owner` and `item` of its key are named beside it; unnamed ones are 0.
enum class RecordKind : std::uint8_t {
  queue,         ///< owner: hash of the name
  bundle,        ///< hash
  job,           ///< owner: job
  progress,      ///< owner: job
  accepted,      ///< owner: job, item: first id of the interval
  batch,         ///< owner: job, item: batch
  runs,          ///< owner: job, item: batch
  payload,       ///< owner: job, item: batch
  output,        ///< owner: job, item: cursor
  output_bytes,  ///< owner: job, item: cursor
  lease,         ///< owner: lease
  grant,         ///< owner: grant
  timing,        ///< owner: job
  dead,          ///< owner: job, item: number of the dead chunks' record
  dead_bytes,    ///< owner: job, item: as `dead`; their payloads
};

struct RecordKey {
  RecordKind kind = RecordKind::job;
  std::uint64_t owner = 0;
  std::uint64_t item = 0;
  ContentHash hash;  ///< of a bundle

  constexpr auto operator<=>(const RecordKey&) const = default;
};

struct Erase {
  bool operator==(const Erase&) const = default;
};

/// Batches and outputs are shared with the core: a store that keeps values in memory keeps them once.
using SharedBatch = std::shared_ptr<const BatchRecord>;
using SharedOutput = std::shared_ptr<const wire::Output>;
using SharedDead = std::shared_ptr<const DeadRecord>;

using RecordValue = std::variant<Erase, QueueRecord, JobRecord, ProgressRecord, AcceptedRecord, SharedBatch, RunsRecord, SharedOutput,
                                 LeaseRecord, GrantRecord, TimingRecord, SharedDead, Blob>;

struct Write {
  RecordKey key;
  RecordValue value;
};

/// Whether two values hold the same: shared records and blobs by what they hold, not by where it is.
bool same_value(const RecordValue& left, const RecordValue& right);

}  // namespace sublet::broker
