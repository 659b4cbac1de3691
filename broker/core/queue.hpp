#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <unordered_map>
#include <vector>

#include "broker/core/statistics.hpp"
#include "broker/stores/record.hpp"
#include "common/ids.hpp"
#include "common/time.hpp"

namespace sublet::broker {

struct Bucket;

/// Where jobs wait. Its counts are kept as chunks move, so that nobody ever has to walk its jobs.
struct Queue {
  std::string name;
  bool paused = false;

  std::uint64_t live_jobs = 0;
  std::uint64_t counts[6] = {};  ///< chunks of live jobs, by ChunkState
  std::uint64_t stored_bytes = 0;
  std::uint64_t stored_chunks = 0;
  std::uint64_t output_bytes = 0;
  std::uint64_t held = 0;         ///< of the ready chunks, those of held jobs
  std::uint64_t dead_bytes = 0;   ///< that dead chunks count for
  std::uint64_t event_bytes = 0;  ///< of texts and watchers
  std::uint64_t done = 0;
  std::uint64_t dead = 0;
  std::uint64_t retries = 0;
  QueueCounts seen;

  std::map<std::string, JobId> keys;  ///< by idempotency key
  std::vector<Bucket*> buckets;
  /// Its buckets stand in the ready index: neither paused nor full of outputs that nobody took.
  bool open = true;
};

/// Whether `name` may name a queue.
bool is_queue_name(const std::string& name);

/// Names a queue's record.
std::uint64_t queue_hash(const std::string& name);

}  // namespace sublet::broker
