#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

#include "common/ids.hpp"

namespace sublet {

/// Of a shard, from 0: a part of a cluster that one broker serves at a time, with jobs, queues and leases of its own.
using ShardNumber = std::uint16_t;

/// A job's id names its shard in one byte.
constexpr std::uint16_t kMaxShards = 256;

/// How a cluster is cut. Chosen once and kept in its store.
struct Layout {
  std::uint16_t shards = 1;  ///< 1 to kMaxShards
  std::uint16_t spread = 1;  ///< shards that each queue uses, 1 to `shards`

  bool operator==(const Layout&) const = default;
};

/// FNV-1a (Fowler, Noll, Vo), 64 bits: the hash that every client computes alike. Not for secrets.
std::uint64_t fnv1a64(std::string_view text);

/// The shards of a queue, its home first; `layout.spread` of them.
std::vector<ShardNumber> shards_of(const Layout& layout, std::string_view queue);

/// Where the job of that idempotency key is, or has to be opened: the same for the same key.
ShardNumber shard_of_key(const Layout& layout, std::string_view queue, std::string_view key);

/// Where the job is kept.
constexpr ShardNumber shard_of(JobId job) { return static_cast<ShardNumber>(job.value % kMaxShards); }

/// An id of that shard, its other bits those of `random`; 0 when these are all 0: then draw again.
constexpr JobId job_id(ShardNumber shard, std::uint64_t random) {
  const auto upper = random / kMaxShards * kMaxShards;
  return {.value = upper == 0 ? 0 : upper + shard};
}

}  // namespace sublet
