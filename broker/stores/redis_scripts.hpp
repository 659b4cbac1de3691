#pragma once

#include <cstddef>
#include <cstdint>
#include <string>

namespace sublet::broker {

/// What runs inside Redis. Small on purpose: every rule is the core's, these only compare an epoch and a commit number, and write.
enum class RedisScript : std::uint8_t {
  commit,            ///< one commit
  commit_when_full,  ///< the same, taken by a Redis that is out of memory
  take,              ///< makes the caller the owner of the shard
  renew,             ///< renews the owner's hold; refused by a Redis that is out of memory, which tells that it is
  renew_when_full,
  release,        ///< gives the hold back
  found_cluster,  ///< says how the cluster is cut; when nobody has said so yet, as the caller wishes
  show_life,      ///< says that the caller is alive, and who else is
};
inline constexpr std::size_t kRedisScripts = 8;

/// Its text, beginning with "#!lua".
std::string script_text(RedisScript script);

/// What `commit` answers.
enum class CommitAnswer : std::int8_t {
  incomplete = -3,  ///< its large bytes are not there; nothing was written
  gap = -2,         ///< the number does not follow; nothing was written
  stale = -1,       ///< under another epoch; nothing was written
  taken = 1,
  again = 2,  ///< it was taken before
};

}  // namespace sublet::broker
