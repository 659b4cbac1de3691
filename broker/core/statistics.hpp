#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <vector>

#include "common/error.hpp"
#include "common/histogram.hpp"
#include "common/wire/messages.hpp"

namespace sublet::broker {

/// What was counted about one queue since the broker started.
struct QueueCounts {
  std::uint64_t bytes_in = 0;   ///< of payloads accepted
  std::uint64_t bytes_out = 0;  ///< of outputs settled
  std::uint64_t returned = 0;   ///< chunks that became ready again, uncharged
  std::map<ErrorCode, std::uint64_t> dead;
  MicrosHistogram chunk_micros;  ///< what a session took for a chunk
};

/// Why an ended job is forgotten.
enum class ForgetReason : std::uint8_t { age, count, bytes, untaken, teardown };

struct QueueStatistics {
  wire::QueueStatus status;
  std::uint64_t event_bytes = 0;  ///< of error texts not yet taken, and watchers
  QueueCounts counts;
  std::array<std::uint64_t, 5> jobs{};  ///< by JobState, the ended ones that are still listed included
};

/// What was counted about all queues together.
struct RuleCounts {
  std::uint64_t stale_settles = 0;
  std::uint64_t expired_leases = 0;
  std::array<std::uint64_t, 5> forgotten{};  ///< jobs, by ForgetReason
  std::uint64_t unkept_dead = 0;             ///< dead chunks whose payload found no room
  SizeHistogram submit_chunks;
  SizeHistogram run_chunks;
  SizeHistogram settle_chunks;
  SizeHistogram output_chunks;
};

/// How the rules' state stands, and what they have counted.
struct Statistics {
  std::vector<QueueStatistics> queues;
  RuleCounts counts;
  std::uint64_t leases = 0;
  std::uint64_t ended_bytes = 0;     ///< of outputs and dead chunks of ended jobs
  std::uint64_t resident_bytes = 0;  ///< of payloads in memory
};

/// Adds those of another shard; queues of one name become one.
void merge(Statistics& into, Statistics more);

}  // namespace sublet::broker
