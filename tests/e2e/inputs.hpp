#pragma once

// What end-to-end tests submit, for programs without gtest too.

#include <cstdint>
#include <string>
#include <vector>

#include "common/bytes.hpp"
#include "common/job.hpp"
#include "common/random.hpp"
#include "common/shard.hpp"

namespace sublet::test {

using ByteVector = std::vector<std::byte>;

/// The payload of chunk `id`: up to `max_bytes` bytes that depend on nothing else, so another process makes the same.
inline ByteVector payload_of(std::uint64_t id, std::size_t max_bytes) {
  SeededRandom random(id + 1);
  ByteVector bytes(random.next() % (max_bytes + 1));
  for (auto& byte : bytes) byte = static_cast<std::byte>(random.next());
  return bytes;
}

inline JobSpec spec_of(std::size_t max_bytes) {
  JobSpec spec;
  spec.name = "e2e";
  spec.max_chunk_bytes = max_bytes;
  return spec;
}

/// A queue whose home is that shard.
inline std::string queue_in(const Layout& layout, ShardNumber shard) {
  for (int n = 0;; ++n) {
    auto queue = "q" + std::to_string(n);
    if (shards_of(layout, queue).front() == shard) return queue;
  }
}

}  // namespace sublet::test
