#pragma once

// What the broker keeps in its store. A record is whole: a write replaces the record of that key.

#include <cstdint>
#include <optional>
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
  std::uint16_t attempts = 0;  ///< that were charged
  std::uint16_t crashes = 0;   ///< session deaths noted
  /// leased: the grant. waiting: when it is due, in ms of the owner's clock. done, dead: the output log entry.
  std::uint64_t ref = 0;

  bool operator==(const RunRecord&) const = default;
};

struct JobRecord {
  JobId id;
  JobSpec spec;
  JobStatus status;
  /// Ids the job has accepted, ascending, not touching.
  std::vector<ChunkRange> ids;
  Cursor taken;

  bool operator==(const JobRecord&) const = default;
};

struct BatchRecord {
  JobId job;
  BatchId batch;
  std::vector<ChunkRange> chunks;
  wire::U32List lengths;
  std::vector<RunRecord> runs;

  bool operator==(const BatchRecord&) const = default;
};

struct LeaseRecord {
  LeaseId id;
  Token token;
  std::uint64_t instance = 0;  ///< the worker process that holds it
  ContentHash pipeline;
  std::uint64_t bytes = 0;
  std::uint32_t ttl_ms = 0;

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

  bool operator==(const GrantRecord&) const = default;
};

/// One entry of a job's output log.
struct OutputRecord {
  wire::Output output;

  bool operator==(const OutputRecord&) const = default;
};

enum class RecordKind : std::uint8_t { job, batch, lease, grant, output, payload, output_bytes, bundle };

/// Names a record: `owner` is the job (batch, output, payload, output_bytes: with `item` the batch or cursor), the lease, or the grant.
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

using RecordValue = std::variant<Erase, JobRecord, BatchRecord, LeaseRecord, GrantRecord, OutputRecord, Blob>;

struct Write {
  RecordKey key;
  RecordValue value;
};

}  // namespace sublet::broker
