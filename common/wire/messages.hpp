#pragma once

// Every message of SUB/1, as plain values. A message's `kType` is its number on the wire; `kFields` names its fields as they stand in the
// MessagePack map, in order. docs/protocol.md explains who sends what when.

#include <array>
#include <cstdint>
#include <string>
#include <tuple>
#include <variant>
#include <vector>

#include "common/ids.hpp"
#include "common/job.hpp"
#include "common/shard.hpp"

namespace sublet::wire {

template <class Struct, class Member>
struct Field {
  const char* name;
  Member Struct::* member;
};
template <class Struct, class Member>
Field(const char*, Member Struct::*) -> Field<Struct, Member>;

/// 32-bit numbers, one per chunk, as one little-endian `bin`: lengths, durations.
struct U32List {
  std::vector<std::uint32_t> values;
  bool operator==(const U32List&) const = default;
};

/// Error numbers, one per chunk, as one little-endian `bin` of u16. Empty: all are `ok`.
struct CodeList {
  std::vector<std::uint16_t> values;
  bool operator==(const CodeList&) const = default;
};

enum class Role : std::uint8_t { producer, worker };
enum class Plane : std::uint8_t { control, bulk };

// ---- parts of messages ----

/// A lease as its holder sees it, with the grants it has not yet got SETTLED for.
struct HeldLease {
  LeaseId lease;
  Token token;
  std::vector<std::uint64_t> grants;

  static constexpr auto kFields =
      std::tuple{Field{"lease", &HeldLease::lease}, Field{"token", &HeldLease::token}, Field{"grants", &HeldLease::grants}};
  bool operator==(const HeldLease&) const = default;
};

struct LeaseTtl {
  LeaseId lease;
  std::uint32_t ttl_ms = 0;

  static constexpr auto kFields = std::tuple{Field{"lease", &LeaseTtl::lease}, Field{"ttl_ms", &LeaseTtl::ttl_ms}};
  bool operator==(const LeaseTtl&) const = default;
};

/// One card of a worker: what the broker may lease there.
struct Card {
  std::uint32_t index = 0;
  std::string kind;  ///< "cpu" or "cuda"
  std::string name;
  std::uint64_t total_bytes = 0;
  std::uint64_t free_bytes = 0;     ///< set aside for this broker: the most that new leases may sum up to
  std::uint32_t free_sessions = 0;  ///< how many more leases the worker takes on this card

  static constexpr auto kFields = std::tuple{Field{"index", &Card::index},
                                             Field{"kind", &Card::kind},
                                             Field{"name", &Card::name},
                                             Field{"total_bytes", &Card::total_bytes},
                                             Field{"free_bytes", &Card::free_bytes},
                                             Field{"free_sessions", &Card::free_sessions}};
  bool operator==(const Card&) const = default;
};

/// Why chunk number `index` of a batch failed, in words.
struct ChunkDetail {
  std::uint32_t index = 0;
  std::string detail;

  static constexpr auto kFields = std::tuple{Field{"index", &ChunkDetail::index}, Field{"detail", &ChunkDetail::detail}};
  bool operator==(const ChunkDetail&) const = default;
};

struct QueueStatus {
  std::string name;
  bool paused = false;
  std::uint64_t jobs = 0;  ///< not ended
  std::uint64_t held = 0;  ///< chunks of jobs that are delayed or blocked
  std::uint64_t ready = 0;
  std::uint64_t waiting = 0;
  std::uint64_t leased = 0;
  std::uint64_t bytes = 0;         ///< of payloads kept
  std::uint64_t output_bytes = 0;  ///< of outputs not yet taken
  std::uint64_t dead_bytes = 0;    ///< of dead chunks kept: payloads and errors
  std::uint64_t oldest_ms = 0;     ///< age of the oldest chunk that has not run
  std::uint64_t done = 0;          ///< since the broker started, as `dead` and `retries`
  std::uint64_t dead = 0;
  std::uint64_t retries = 0;

  static constexpr auto kFields = std::tuple{Field{"name", &QueueStatus::name},
                                             Field{"paused", &QueueStatus::paused},
                                             Field{"jobs", &QueueStatus::jobs},
                                             Field{"held", &QueueStatus::held},
                                             Field{"ready", &QueueStatus::ready},
                                             Field{"waiting", &QueueStatus::waiting},
                                             Field{"leased", &QueueStatus::leased},
                                             Field{"bytes", &QueueStatus::bytes},
                                             Field{"output_bytes", &QueueStatus::output_bytes},
                                             Field{"dead_bytes", &QueueStatus::dead_bytes},
                                             Field{"oldest_ms", &QueueStatus::oldest_ms},
                                             Field{"done", &QueueStatus::done},
                                             Field{"dead", &QueueStatus::dead},
                                             Field{"retries", &QueueStatus::retries}};
  bool operator==(const QueueStatus&) const = default;
};

struct WorkerStatus {
  std::string name;
  std::uint32_t cards = 0;
  std::uint64_t total_bytes = 0;
  std::uint64_t free_bytes = 0;
  std::uint64_t leases = 0;
  std::uint64_t process_leases = 0;  ///< of these, those with a session process of their own, as WINDOW said
  std::uint64_t mps_leases = 0;      ///< of these, those of class `mps`
  bool mps = false;                  ///< its host has an MPS daemon, as OFFER said
  std::uint64_t leased_chunks = 0;
  std::uint64_t done = 0;
  std::uint64_t age_ms = 0;  ///< since it connected

  static constexpr auto kFields = std::tuple{Field{"name", &WorkerStatus::name},
                                             Field{"cards", &WorkerStatus::cards},
                                             Field{"total_bytes", &WorkerStatus::total_bytes},
                                             Field{"free_bytes", &WorkerStatus::free_bytes},
                                             Field{"leases", &WorkerStatus::leases},
                                             Field{"process_leases", &WorkerStatus::process_leases},
                                             Field{"mps_leases", &WorkerStatus::mps_leases},
                                             Field{"mps", &WorkerStatus::mps},
                                             Field{"leased_chunks", &WorkerStatus::leased_chunks},
                                             Field{"done", &WorkerStatus::done},
                                             Field{"age_ms", &WorkerStatus::age_ms}};
  bool operator==(const WorkerStatus&) const = default;
};

/// Which of a job's dead chunks: those that have one of the codes and lie in one of the ranges. An empty list leaves nothing out.
struct DeadSelection {
  CodeList codes;
  std::vector<ChunkRange> chunks;

  static constexpr auto kFields = std::tuple{Field{"codes", &DeadSelection::codes}, Field{"chunks", &DeadSelection::chunks}};
  bool operator==(const DeadSelection&) const = default;
};

/// The dead chunks of one job that failed with the same error.
struct DeadClass {
  JobId job;
  ErrorCode code = ErrorCode::ok;
  std::uint64_t chunks = 0;
  std::uint64_t replayed = 0;  ///< of these, how many another job was given
  std::uint64_t bytes = 0;     ///< of their payloads that are kept
  std::uint64_t example = 0;   ///< id of the chunk that `detail` is about
  std::string detail;

  static constexpr auto kFields =
      std::tuple{Field{"job", &DeadClass::job},           Field{"code", &DeadClass::code},   Field{"chunks", &DeadClass::chunks},
                 Field{"replayed", &DeadClass::replayed}, Field{"bytes", &DeadClass::bytes}, Field{"example", &DeadClass::example},
                 Field{"detail", &DeadClass::detail}};
  bool operator==(const DeadClass&) const = default;
};

struct DeadChunk {
  std::uint64_t id = 0;
  ErrorCode code = ErrorCode::ok;
  std::uint32_t attempts = 0;  ///< that were charged
  std::uint32_t crashes = 0;   ///< session deaths noted
  std::uint32_t bytes = 0;     ///< of its payload
  bool kept = true;            ///< its payload is there
  JobId replayed;              ///< the job that runs it again; zero: none
  std::string detail;

  static constexpr auto kFields = std::tuple{Field{"id", &DeadChunk::id},
                                             Field{"code", &DeadChunk::code},
                                             Field{"attempts", &DeadChunk::attempts},
                                             Field{"crashes", &DeadChunk::crashes},
                                             Field{"bytes", &DeadChunk::bytes},
                                             Field{"kept", &DeadChunk::kept},
                                             Field{"replayed", &DeadChunk::replayed},
                                             Field{"detail", &DeadChunk::detail}};
  bool operator==(const DeadChunk&) const = default;
};

// ---- control plane ----

/// First on each plane. On control `token` is zero and the answer brings one; HELLO on bulk names that token and needs nothing else.
/// A reconnecting worker lists its live leases: a grant it does not name is ready again, uncharged.
struct Hello {
  static constexpr std::uint8_t kType = 1;
  Role role = Role::producer;
  Plane plane = Plane::control;
  std::uint16_t minor = 0;     ///< highest minor version spoken
  ShardNumber shard = 0;       ///< the one this pair of connections is for; the same on both planes
  std::uint64_t instance = 0;  ///< random per process; the same on both planes, for every shard and after a reconnect
  std::string name;            ///< for people: host and pid, say
  Token token;
  Token host;  ///< of a worker, where it takes payloads by reference; else zero
  std::vector<HeldLease> leases;

  static constexpr auto kFields =
      std::tuple{Field{"role", &Hello::role},   Field{"plane", &Hello::plane},       Field{"minor", &Hello::minor},
                 Field{"shard", &Hello::shard}, Field{"instance", &Hello::instance}, Field{"name", &Hello::name},
                 Field{"token", &Hello::token}, Field{"host", &Hello::host},         Field{"leases", &Hello::leases}};
  bool operator==(const Hello&) const = default;
};

/// Answers HELLO on either plane.
struct Welcome {
  static constexpr std::uint8_t kType = 2;
  std::uint16_t minor = 0;
  std::uint16_t shards = 1;  ///< of the cluster: a job's id names its own, a queue's name its home
  std::uint16_t spread = 1;  ///< shards that a queue uses
  std::uint64_t store = 0;   ///< a client that sees another store than before has lost its jobs
  bool durable = false;
  Token token;
  std::string bulk;  ///< endpoint of the bulk plane
  std::uint32_t heartbeat_ms = 0;
  std::uint64_t credit_chunks = 0;  ///< submitted, not yet ACCEPTED or refused, at any time
  std::uint64_t credit_bytes = 0;
  std::uint64_t max_chunk_bytes = 0;
  std::uint64_t max_batch_bytes = 0;
  std::uint64_t max_batch_chunks = 0;
  std::vector<LeaseTtl> leases;  ///< of those that HELLO named, the ones that still live; the others have ended

  static constexpr auto kFields = std::tuple{Field{"minor", &Welcome::minor},
                                             Field{"shards", &Welcome::shards},
                                             Field{"spread", &Welcome::spread},
                                             Field{"store", &Welcome::store},
                                             Field{"durable", &Welcome::durable},
                                             Field{"token", &Welcome::token},
                                             Field{"bulk", &Welcome::bulk},
                                             Field{"heartbeat_ms", &Welcome::heartbeat_ms},
                                             Field{"credit_chunks", &Welcome::credit_chunks},
                                             Field{"credit_bytes", &Welcome::credit_bytes},
                                             Field{"max_chunk_bytes", &Welcome::max_chunk_bytes},
                                             Field{"max_batch_bytes", &Welcome::max_batch_bytes},
                                             Field{"max_batch_chunks", &Welcome::max_batch_chunks},
                                             Field{"leases", &Welcome::leases}};
  bool operator==(const Welcome&) const = default;
};

/// Either side, each `heartbeat_ms`; answered by PONG with the same request id. Silence for three heartbeats: the peer is gone.
struct Ping {
  static constexpr std::uint8_t kType = 3;
  static constexpr auto kFields = std::tuple{};
  bool operator==(const Ping&) const = default;
};

struct Pong {
  static constexpr std::uint8_t kType = 4;
  static constexpr auto kFields = std::tuple{};
  bool operator==(const Pong&) const = default;
};

/// A clean goodbye. A worker's leases end; a producer's jobs stay.
struct Bye {
  static constexpr std::uint8_t kType = 5;
  static constexpr auto kFields = std::tuple{};
  bool operator==(const Bye&) const = default;
};

/// Answers any request that failed, under its request id (0 when none could be read).
struct ErrorReply {
  static constexpr std::uint8_t kType = 6;
  ErrorCode code = ErrorCode::internal;
  std::string detail;
  std::uint32_t retry_after_ms = 0;
  std::string owner;  ///< with `not_owner`: control endpoint of the broker that serves the shard; empty when none is known

  static constexpr auto kFields = std::tuple{Field{"code", &ErrorReply::code}, Field{"detail", &ErrorReply::detail},
                                             Field{"retry_after_ms", &ErrorReply::retry_after_ms}, Field{"owner", &ErrorReply::owner}};
  bool operator==(const ErrorReply&) const = default;
};

/// Broker to producer: replaces the credit that WELCOME gave.
struct Credit {
  static constexpr std::uint8_t kType = 7;
  std::uint64_t chunks = 0;
  std::uint64_t bytes = 0;

  static constexpr auto kFields = std::tuple{Field{"chunks", &Credit::chunks}, Field{"bytes", &Credit::bytes}};
  bool operator==(const Credit&) const = default;
};

/// Worker to broker: how much `lease` takes at a time: RUNs without SETTLED sum up to at most this. The first one says that the session is
/// up; zero chunks stop further RUNs.
struct Window {
  static constexpr std::uint8_t kType = 8;
  LeaseId lease;
  std::uint64_t chunks = 0;
  std::uint64_t bytes = 0;
  Isolation isolation = Isolation::tenant;  ///< what the lease got: what was asked for, or `process` where that was `tenant`

  static constexpr auto kFields = std::tuple{Field{"lease", &Window::lease}, Field{"chunks", &Window::chunks},
                                             Field{"bytes", &Window::bytes}, Field{"isolation", &Window::isolation}};
  bool operator==(const Window&) const = default;
};

/// Worker to broker: all its cards, as they are now; replaces its last OFFER. `seen` counts the LEASEs it has received over this
/// connection, so the broker can subtract those still on their way.
struct Offer {
  static constexpr std::uint8_t kType = 9;
  std::uint64_t seen = 0;
  std::vector<Card> cards;
  bool mps = false;  ///< leases of class `mps` can be had: a daemon of the operator is there

  static constexpr auto kFields = std::tuple{Field{"seen", &Offer::seen}, Field{"cards", &Offer::cards}, Field{"mps", &Offer::mps}};
  bool operator==(const Offer&) const = default;
};

/// Broker to worker: a VRAM slice of one of its offered cards, for chunks of one pipeline. The worker answers with WINDOW when the session
/// is up, or with RELEASE and the reason when it cannot be.
struct Lease {
  static constexpr std::uint8_t kType = 10;
  LeaseId lease;
  Token token;
  std::string tenant;
  std::uint32_t card = 0;
  std::uint64_t bytes = 0;  ///< VRAM of the slice
  std::uint64_t max_chunk_bytes = 0;
  std::uint32_t ttl_ms = 0;
  ContentHash pipeline;
  Isolation isolation = Isolation::tenant;
  bool by_reference = false;  ///< its chunks' payloads are references, and so have their outputs to be

  static constexpr auto kFields = std::tuple{Field{"lease", &Lease::lease},         Field{"token", &Lease::token},
                                             Field{"tenant", &Lease::tenant},       Field{"card", &Lease::card},
                                             Field{"bytes", &Lease::bytes},         Field{"max_chunk_bytes", &Lease::max_chunk_bytes},
                                             Field{"ttl_ms", &Lease::ttl_ms},       Field{"pipeline", &Lease::pipeline},
                                             Field{"isolation", &Lease::isolation}, Field{"by_reference", &Lease::by_reference}};
  bool operator==(const Lease&) const = default;
};

/// Worker to broker, each third of the TTL: every lease it holds, each with the grants it has not got SETTLED for. A grant older than
/// `run_lost_after` that is not named never arrived, and is ready again, uncharged.
struct Renew {
  static constexpr std::uint8_t kType = 11;
  std::vector<HeldLease> leases;

  static constexpr auto kFields = std::tuple{Field{"leases", &Renew::leases}};
  bool operator==(const Renew&) const = default;
};

/// The TTLs start when the RENEW was sent, by the worker's clock. A lease that RENEW named and this does not has ended.
struct Renewed {
  static constexpr std::uint8_t kType = 12;
  std::vector<LeaseTtl> leases;

  static constexpr auto kFields = std::tuple{Field{"leases", &Renewed::leases}};
  bool operator==(const Renewed&) const = default;
};

/// Ends a lease. From the worker: the session is gone (`code` says why) and its VRAM is free. From the broker: finish nothing more, end the
/// session, answer with RELEASE.
struct Release {
  static constexpr std::uint8_t kType = 13;
  LeaseId lease;
  ErrorCode code = ErrorCode::ok;
  std::string detail;
  std::uint64_t peak_bytes = 0;

  static constexpr auto kFields = std::tuple{Field{"lease", &Release::lease}, Field{"code", &Release::code},
                                             Field{"detail", &Release::detail}, Field{"peak_bytes", &Release::peak_bytes}};
  bool operator==(const Release&) const = default;
};

/// Producer to broker; answered by EVENT with the job as it is then. Idempotent.
struct Cancel {
  static constexpr std::uint8_t kType = 14;
  JobId job;

  static constexpr auto kFields = std::tuple{Field{"job", &Cancel::job}};
  bool operator==(const Cancel&) const = default;
};

/// A paused queue takes chunks and grants none. Answered by LISTED with that queue.
struct Pause {
  static constexpr std::uint8_t kType = 15;
  std::string queue;
  bool paused = true;

  static constexpr auto kFields = std::tuple{Field{"queue", &Pause::queue}, Field{"paused", &Pause::paused}};
  bool operator==(const Pause&) const = default;
};

/// Asks for EVENT at once, then (with `follow`) whenever the job has moved, at most each `interval_ms`, and once when it ends.
struct Watch {
  static constexpr std::uint8_t kType = 16;
  JobId job;
  bool follow = false;
  std::uint32_t interval_ms = 200;

  static constexpr auto kFields =
      std::tuple{Field{"job", &Watch::job}, Field{"follow", &Watch::follow}, Field{"interval_ms", &Watch::interval_ms}};
  bool operator==(const Watch&) const = default;
};

/// A job at one moment, under the request id of the WATCH, CANCEL or CLOSE that asked.
struct Event {
  static constexpr std::uint8_t kType = 17;
  JobStatus job;

  static constexpr auto kFields = std::tuple{Field{"job", &Event::job}};
  bool operator==(const Event&) const = default;
};

enum class Listing : std::uint8_t { jobs, queues, workers };

struct List {
  static constexpr std::uint8_t kType = 18;
  Listing what = Listing::jobs;
  std::uint32_t limit = 100;  ///< newest jobs first; at most 1,000

  static constexpr auto kFields = std::tuple{Field{"what", &List::what}, Field{"limit", &List::limit}};
  bool operator==(const List&) const = default;
};

struct Listed {
  static constexpr std::uint8_t kType = 19;
  std::vector<JobStatus> jobs;
  std::vector<QueueStatus> queues;
  std::vector<WorkerStatus> workers;

  static constexpr auto kFields =
      std::tuple{Field{"jobs", &Listed::jobs}, Field{"queues", &Listed::queues}, Field{"workers", &Listed::workers}};
  bool operator==(const Listed&) const = default;
};

/// Broker to worker, whenever it changes: what the shard lacks. A worker with several shards offers its cards to those that want.
struct Want {
  static constexpr std::uint8_t kType = 20;
  std::uint32_t sessions = 0;     ///< how many more leases would be given at once; 0: none
  std::uint64_t bytes = 0;        ///< of the largest of them, with all lanes that pay; 0 with no sessions
  std::uint64_t least_bytes = 0;  ///< with the fewest lanes

  static constexpr auto kFields =
      std::tuple{Field{"sessions", &Want::sessions}, Field{"bytes", &Want::bytes}, Field{"least_bytes", &Want::least_bytes}};
  bool operator==(const Want&) const = default;
};

/// Asks for dead chunks: their classes, and (`limit` > 0, of one job) each of them, in the order they died.
struct DeadQuery {
  static constexpr std::uint8_t kType = 21;
  JobId job;             ///< zero: of every job
  std::string in_queue;  ///< empty: of every queue
  DeadSelection select;
  std::uint64_t skip = 0;  ///< chunks of those selected
  std::uint32_t limit = 0;

  static constexpr auto kFields =
      std::tuple{Field{"job", &DeadQuery::job}, Field{"in_queue", &DeadQuery::in_queue}, Field{"select", &DeadQuery::select},
                 Field{"skip", &DeadQuery::skip}, Field{"limit", &DeadQuery::limit}};
  bool operator==(const DeadQuery&) const = default;
};

struct DeadListed {
  static constexpr std::uint8_t kType = 22;
  std::vector<DeadClass> classes;  ///< newest jobs first
  std::vector<DeadChunk> chunks;
  std::vector<JobSpec> spec;  ///< of the one job that was asked for

  static constexpr auto kFields =
      std::tuple{Field{"classes", &DeadListed::classes}, Field{"chunks", &DeadListed::chunks}, Field{"spec", &DeadListed::spec}};
  bool operator==(const DeadListed&) const = default;
};

/// Forgets dead chunks and their payloads. Answered by REMOVED. Idempotent.
struct Remove {
  static constexpr std::uint8_t kType = 23;
  JobId job;
  DeadSelection select;

  static constexpr auto kFields = std::tuple{Field{"job", &Remove::job}, Field{"select", &Remove::select}};
  bool operator==(const Remove&) const = default;
};

/// Removes a job with everything that is kept of it; cancels it first when it has not ended. Answered by REMOVED, also when there is no
/// such job. Idempotent.
struct Teardown {
  static constexpr std::uint8_t kType = 24;
  JobId job;

  static constexpr auto kFields = std::tuple{Field{"job", &Teardown::job}};
  bool operator==(const Teardown&) const = default;
};

struct Removed {
  static constexpr std::uint8_t kType = 25;
  JobId job;
  bool found = false;        ///< there was such a job
  std::uint64_t chunks = 0;  ///< dead ones that were forgotten

  static constexpr auto kFields =
      std::tuple{Field{"job", &Removed::job}, Field{"found", &Removed::found}, Field{"chunks", &Removed::chunks}};
  bool operator==(const Removed&) const = default;
};

// ---- bulk plane ----

/// Opens a job, or finds the one of its idempotency key. The payload is the bundle: the pipeline with its modules.
struct Open {
  static constexpr std::uint8_t kType = 32;
  JobSpec spec;

  static constexpr auto kFields = std::tuple{Field{"spec", &Open::spec}};
  bool operator==(const Open&) const = default;
};

struct Opened {
  static constexpr std::uint8_t kType = 33;
  JobId job;
  bool resumed = false;  ///< the job was there already
  std::uint64_t accepted = 0;
  Cursor taken;  ///< outputs up to here were taken and are gone

  static constexpr auto kFields = std::tuple{Field{"job", &Opened::job}, Field{"resumed", &Opened::resumed},
                                             Field{"accepted", &Opened::accepted}, Field{"taken", &Opened::taken}};
  bool operator==(const Opened&) const = default;
};

/// No more chunks. Answered by EVENT, on bulk, so it stays behind the SUBMITs before it. Idempotent.
struct Close {
  static constexpr std::uint8_t kType = 34;
  JobId job;

  static constexpr auto kFields = std::tuple{Field{"job", &Close::job}};
  bool operator==(const Close&) const = default;
};

/// A batch of chunks: `lengths` holds one payload length per chunk, in the order of `chunks`; the payload frame is their concatenation.
/// Repeated, unchanged, until ACCEPTED: ids that the job has already count as accepted and are not run again.
struct Submit {
  static constexpr std::uint8_t kType = 36;
  JobId job;
  std::vector<ChunkRange> chunks;
  U32List lengths;

  static constexpr auto kFields =
      std::tuple{Field{"job", &Submit::job}, Field{"chunks", &Submit::chunks}, Field{"lengths", &Submit::lengths}};
  bool operator==(const Submit&) const = default;
};

/// Committed: these chunks survive what the store survives.
struct Accepted {
  static constexpr std::uint8_t kType = 37;
  JobId job;
  std::uint64_t fresh = 0;  ///< how many of the batch's chunks the job did not have yet

  static constexpr auto kFields = std::tuple{Field{"job", &Accepted::job}, Field{"fresh", &Accepted::fresh}};
  bool operator==(const Accepted&) const = default;
};

/// Hands chunks of one job to a session. `token` with `attempts` is the fence. Payload as in SUBMIT.
struct Run {
  static constexpr std::uint8_t kType = 38;
  LeaseId lease;
  GrantId grant;
  Token token;
  JobId job;
  std::vector<ChunkRange> chunks;
  U32List lengths;
  /// Chunks that must not share the session with others while they run: they ended one before.
  bool alone = false;

  static constexpr auto kFields =
      std::tuple{Field{"lease", &Run::lease},   Field{"grant", &Run::grant},     Field{"token", &Run::token}, Field{"job", &Run::job},
                 Field{"chunks", &Run::chunks}, Field{"lengths", &Run::lengths}, Field{"alone", &Run::alone}};
  bool operator==(const Run&) const = default;
};

/// What became of every chunk of a RUN, in its order. A chunk that failed has an error number and an output of no bytes. The payload is the
/// concatenation of the outputs. Repeated until SETTLED.
/// `session_lost` marks a chunk that was running when its session process ended, `returned` one that had not begun.
struct Settle {
  static constexpr std::uint8_t kType = 39;
  LeaseId lease;
  GrantId grant;
  Token token;
  CodeList codes;
  std::vector<ChunkDetail> details;
  U32List lengths;
  U32List micros;  ///< how long each chunk took; empty when not measured

  static constexpr auto kFields =
      std::tuple{Field{"lease", &Settle::lease},  Field{"grant", &Settle::grant},     Field{"token", &Settle::token},
                 Field{"codes", &Settle::codes},  Field{"details", &Settle::details}, Field{"lengths", &Settle::lengths},
                 Field{"micros", &Settle::micros}};
  bool operator==(const Settle&) const = default;
};

/// Committed, or (`code`) `stale`: the fence was no longer current and nothing changed. Either way the worker forgets the grant.
struct Settled {
  static constexpr std::uint8_t kType = 40;
  LeaseId lease;
  GrantId grant;
  ErrorCode code = ErrorCode::ok;

  static constexpr auto kFields =
      std::tuple{Field{"lease", &Settled::lease}, Field{"grant", &Settled::grant}, Field{"code", &Settled::code}};
  bool operator==(const Settled&) const = default;
};

/// Producer to broker: send the outputs of `job` after `after`, at most `chunks` and `bytes` of them beyond what was TAKEN. Answered by
/// OUTPUTs under this request id, as they come. Replaces the reader's last READ; the newest reader of a job gets its outputs.
struct Read {
  static constexpr std::uint8_t kType = 41;
  JobId job;
  Cursor after;
  std::uint64_t chunks = 0;
  std::uint64_t bytes = 0;

  static constexpr auto kFields =
      std::tuple{Field{"job", &Read::job}, Field{"after", &Read::after}, Field{"chunks", &Read::chunks}, Field{"bytes", &Read::bytes}};
  bool operator==(const Read&) const = default;
};

/// One entry of a job's output log: chunks that are done (`codes` 0) or dead, each exactly once in the log. Payload: the outputs,
/// concatenated.
struct Output {
  static constexpr std::uint8_t kType = 42;
  JobId job;
  Cursor cursor;
  std::vector<ChunkRange> chunks;
  CodeList codes;
  std::vector<ChunkDetail> details;
  U32List lengths;
  U32List micros;

  static constexpr auto kFields =
      std::tuple{Field{"job", &Output::job},      Field{"cursor", &Output::cursor},   Field{"chunks", &Output::chunks},
                 Field{"codes", &Output::codes},  Field{"details", &Output::details}, Field{"lengths", &Output::lengths},
                 Field{"micros", &Output::micros}};
  bool operator==(const Output&) const = default;
};

/// Everything up to `cursor` is handled and may be deleted. Not answered.
struct Taken {
  static constexpr std::uint8_t kType = 43;
  JobId job;
  Cursor cursor;

  static constexpr auto kFields = std::tuple{Field{"job", &Taken::job}, Field{"cursor", &Taken::cursor}};
  bool operator==(const Taken&) const = default;
};

/// Worker to broker: the bundle of that hash. Answered by BUNDLE.
struct Get {
  static constexpr std::uint8_t kType = 44;
  ContentHash hash;

  static constexpr auto kFields = std::tuple{Field{"hash", &Get::hash}};
  bool operator==(const Get&) const = default;
};

/// The payload is the bundle's encoded bytes.
struct BundleReply {
  static constexpr std::uint8_t kType = 45;
  ContentHash hash;

  static constexpr auto kFields = std::tuple{Field{"hash", &BundleReply::hash}};
  bool operator==(const BundleReply&) const = default;
};

/// Opens a job that runs dead chunks of `job` again, under their ids and as `spec` says: one step, in which they become chunks of the new
/// job, which is closed, and are marked as replayed. The payload is the bundle, or empty for that of the job they died in. Answered by
/// OPENED with how many there are. The idempotency key makes it safe to repeat.
struct Replay {
  static constexpr std::uint8_t kType = 46;
  JobId job;
  DeadSelection select;
  bool again = false;  ///< also those that were replayed before
  JobSpec spec;

  static constexpr auto kFields = std::tuple{Field{"job", &Replay::job}, Field{"select", &Replay::select}, Field{"again", &Replay::again},
                                             Field{"spec", &Replay::spec}};
  bool operator==(const Replay&) const = default;
};

/// Asks for the payload of one dead chunk. Answered by PAYLOAD.
struct Peek {
  static constexpr std::uint8_t kType = 47;
  JobId job;
  std::uint64_t chunk = 0;

  static constexpr auto kFields = std::tuple{Field{"job", &Peek::job}, Field{"chunk", &Peek::chunk}};
  bool operator==(const Peek&) const = default;
};

/// The payload is the chunk's.
struct ChunkPayload {
  static constexpr std::uint8_t kType = 48;
  JobId job;
  std::uint64_t chunk = 0;

  static constexpr auto kFields = std::tuple{Field{"job", &ChunkPayload::job}, Field{"chunk", &ChunkPayload::chunk}};
  bool operator==(const ChunkPayload&) const = default;
};

using Message = std::variant<Hello, Welcome, Ping, Pong, Bye, ErrorReply, Credit, Window, Offer, Lease, Renew, Renewed, Release, Cancel,
                             Pause, Watch, Event, List, Listed, Want, DeadQuery, DeadListed, Remove, Teardown, Removed, Open, Opened, Close,
                             Submit, Accepted, Run, Settle, Settled, Read, Output, Taken, Get, BundleReply, Replay, Peek, ChunkPayload>;

}  // namespace sublet::wire
