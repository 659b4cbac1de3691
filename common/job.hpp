#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "common/error.hpp"
#include "common/ids.hpp"
#include "common/time.hpp"

namespace sublet {

/// The chunks `first .. first + count - 1`; count >= 1 and no overflow past 2^64 - 1.
struct ChunkRange {
  std::uint64_t first = 0;
  std::uint64_t count = 0;

  bool operator==(const ChunkRange&) const = default;
};

/// How often and how soon a chunk that failed with a `backoff` error runs again.
struct RetryPolicy {
  std::uint32_t max_retries = 3;
  Millis initial_backoff = 1s;
  Millis max_backoff = 16s;

  bool operator==(const RetryPolicy&) const = default;
};

/// What a dead chunk does to its job.
enum class PolicyKind : std::uint8_t {
  all,          ///< one dead chunk fails the job; what is still waiting is not run
  quorum,       ///< done as soon as `quorum` chunks are; failed when that can no longer be reached
  best_effort,  ///< done when every chunk is done or dead
};

enum class AggregateKind : std::uint8_t {
  collect,  ///< outputs, each under its chunk id, read in order of chunk id
  concat,   ///< outputs one after another, in order of chunk id
  count,    ///< how many chunks are done; outputs are not kept
  sum,      ///< of all elements of all outputs; outputs are not kept, as for min and max
  min,
  max,
};

/// Element type of `sum`, `min`, `max`: little-endian. An output holds a whole number of elements, else its chunk is dead with `bad_size`.
enum class ElementType : std::uint8_t { f32, f64, i64 };

/// What stands between a lease's session and others on its card.
enum class Isolation : std::uint8_t {
  tenant,   ///< one process for all sessions that the tenant has on the card: they share a context and its faults
  process,  ///< a process of its own
  mps,      ///< as `tenant`, in processes that run side by side through an MPS daemon of the host's operator, and share the faults of all
};

/// Whether a lease of class `got` is at least what was asked for.
constexpr bool satisfies(Isolation got, Isolation asked) {
  return got == asked || (asked == Isolation::tenant && got == Isolation::process);
}

/// What a commit that was answered survives; each class survives what the one before it does. docs/guarantees.md has the whole table.
enum class Durability : std::uint8_t {
  none,        ///< nothing, or only the broker's end
  fast,        ///< the store's end too, but for the last second or two
  fsync,       ///< a power failure of the store's host
  replicated,  ///< the loss of the store's host
};

/// Why a job that has not ended runs nothing yet.
enum class JobHold : std::uint8_t {
  none,
  delayed,  ///< its delay has not passed
  blocked,  ///< a job that it runs after has not ended
};

enum class JobState : std::uint8_t { open, closed, done, failed, cancelled };

constexpr bool has_ended(JobState state) { return state >= JobState::done; }

/// What a producer asks for. Two OPENs with the same idempotency key must ask for the same.
struct JobSpec {
  std::string queue = "default";
  /// Empty: a new job each time. Otherwise the job of that key in that queue, made when there is none.
  std::string idempotency_key;
  std::string name;
  /// Whose work it is: what tenants have of the cards is shared out between them, and no two of them share a session process.
  std::string tenant = "default";
  ContentHash pipeline;
  /// The largest payload a chunk of this job may have; sets the size of its leases.
  std::uint64_t max_chunk_bytes = 0;
  std::uint8_t priority = 4;  ///< 0 first … 9 last
  PolicyKind policy = PolicyKind::all;
  std::uint64_t quorum = 0;
  AggregateKind aggregate = AggregateKind::collect;
  ElementType element = ElementType::f64;
  RetryPolicy retry;
  /// An open job that no producer touched for so long is closed by the broker.
  Millis open_timeout = 10min;
  /// Of its leases.
  Isolation isolation = Isolation::tenant;
  /// From its opening until its first chunk may run; chunks are taken meanwhile. 0: at once.
  Millis delay{0};
  /// Nothing of it runs before these have ended `done`; it fails with `dependency_failed` when one of them ends otherwise.
  std::vector<JobId> after = {};
  /// However they end.
  bool after_any = false;
  /// From its opening: a job that has not ended by then fails with `deadline_exceeded`. 0: none.
  Millis deadline{0};
  /// How long it is kept after its end, with the outputs that nobody took. 0: as long as the broker keeps jobs.
  Millis ttl{0};
  /// By reference: the host where payloads and outputs stay, as its workers name it in HELLO. What travels instead are references to them
  /// (common/reference.hpp). Zero: they travel.
  Token host = {};
  /// The least that the broker's store has to give, else the job is not opened.
  Durability durability = Durability::none;

  bool operator==(const JobSpec&) const = default;
};

/// A job's counts and result at one moment.
struct JobStatus {
  JobId id;
  std::string name;
  std::string queue;
  JobState state = JobState::open;
  std::uint64_t accepted = 0;  ///< chunks; = ready + waiting + leased + done + dead + dropped
  std::uint64_t ready = 0;
  std::uint64_t waiting = 0;  ///< for their backoff to pass
  std::uint64_t leased = 0;
  std::uint64_t done = 0;
  std::uint64_t dead = 0;
  std::uint64_t dropped = 0;  ///< not run, because the job had ended
  std::uint64_t retries = 0;  ///< chunks that had begun and had to run again, for whatever reason
  std::uint64_t bytes_in = 0;
  std::uint64_t bytes_out = 0;
  std::uint64_t sessions = 0;  ///< different leases that ran any of its chunks
  std::uint64_t age_ms = 0;
  /// `count`, or the i64 aggregate's bits; the f32 and f64 aggregates as f64.
  std::uint64_t integer_value = 0;
  double float_value = 0;
  /// Last entry of the output log, 0 when everything in it was taken; a reader that has come so far has everything so far.
  Cursor last_output;
  /// Why it failed; `ok` otherwise.
  ErrorCode error = ErrorCode::ok;
  std::string error_detail;
  JobHold hold = JobHold::none;
  std::uint64_t hold_ms = 0;       ///< what is left of its delay
  std::vector<JobId> after = {};   ///< of the jobs it runs after, those it still waits for
  std::uint64_t deadline_ms = 0;   ///< until its deadline; 0: none, or it has ended
  std::uint64_t forgotten_ms = 0;  ///< an ended job: until it is forgotten
  JobId origin = {};               ///< the job whose dead chunks it replays
  bool by_reference = false;       ///< its payloads and outputs stay in the memory of the process that opened it

  bool operator==(const JobStatus&) const = default;
};

}  // namespace sublet
