#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "broker/stores/store.hpp"
#include "common/error.hpp"

namespace sublet::broker {

/// What a Redis says of itself.
struct RedisFacts {
  int major_version = 0;
  std::string version;
  std::string role;
  std::string eviction;
  bool aof = false;
  /// Empty where CONFIG is forbidden.
  std::string appendfsync;
};

/// @param info         the answer to INFO
/// @param appendfsync  the answer to CONFIG GET appendfsync, empty where that is forbidden
RedisFacts read_facts(std::string_view info, std::string_view appendfsync);

/// What its own settings give. Where CONFIG is forbidden an AOF counts as `fast`.
Durability durability_of(const RedisFacts& facts);

/// Whether jobs may be kept there: version 7, a primary, nothing evicted, and at least `demanded`. Each refusal says what to change.
/// @param name      the store's, for the texts
/// @param demanded  `replicated` asks of the server itself what `fsync` does
Result<void> check_facts(std::string_view name, const RedisFacts& facts, Durability demanded);

/// What an error that Redis answered means for whoever sent the command.
enum class RedisFault {
  full,       ///< out of memory
  passing,    ///< it loads, is busy, is a replica for now, …: the same command may succeed later
  no_script,  ///< it does not know the script (any more)
  refused,    ///< who we are, or may do
  broken,     ///< anything else
};
RedisFault fault_of(std::string_view error);

/// A Redis that cannot be reached may be there later: it is being started, or the way to it comes back.
Error unreachable(std::string_view name, std::string_view why);

/// An error of Redis as ours, with what to do about it.
Error error_of(std::string_view name, std::string_view error);

}  // namespace sublet::broker
