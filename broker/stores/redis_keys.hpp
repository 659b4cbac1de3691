#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "broker/stores/record.hpp"
#include "common/shard.hpp"

namespace sublet::broker {

/// How a shard lies in Redis. Every key has the same hash tag, so that Redis Cluster keeps them together and takes a commit whole.
///
///   sublet:{SHARD}:state      hash. A field per record ("job:1f", "batch:1f:2"), and fields with "!" for what the shard itself is
///   sublet:{SHARD}:owner      string, with an expiry: which broker serves the shard
///   sublet:{SHARD}:EPOCH:N:I  string: large bytes number I of commit N under EPOCH; a record's field says which are its own
struct RedisKeys {
  explicit RedisKeys(ShardNumber shard);

  std::string prefix;
  std::string state;
  std::string owner;

  /// The key of a blob by what its record's field names: "EPOCH:N:I".
  [[nodiscard]] std::string blob(std::string_view name) const { return prefix + std::string(name); }
};

/// The field of a record within the shard's hash: kind, owner and item in hexadecimal and without leading zeros, or the hash of a bundle.
std::string field_of(const RecordKey& key);

/// The reverse; nothing when it is no field of a record.
std::optional<RecordKey> key_of(std::string_view field);

/// Whether records of this kind are bytes rather than fields.
constexpr bool is_blob(RecordKind kind) {
  return kind == RecordKind::bundle || kind == RecordKind::payload || kind == RecordKind::output_bytes || kind == RecordKind::dead_bytes;
}

}  // namespace sublet::broker
