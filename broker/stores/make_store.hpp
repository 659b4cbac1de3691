#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "broker/stores/redis_url.hpp"
#include "broker/stores/store.hpp"
#include "common/error.hpp"
#include "common/random.hpp"
#include "common/shard.hpp"

namespace sublet::broker {

/// What a broker wants of its store, besides the URL.
struct StoreWishes {
  /// The broker's control endpoint, for those who find its shard held.
  std::string holder;
  /// The least that a commit which was answered has to survive; the URL's wish when not given.
  std::optional<Durability> durability;
  /// With `replicated`: how many replicas have to confirm a commit.
  std::uint32_t replicas = 1;
};

/// What a Redis has to give: as the wishes say, else as the URL does, else an append-only file.
Durability demanded_durability(const RedisAddress& address, const StoreWishes& wishes);

/// The store of one shard that `url` names: `memory:`, `redis://…` or `redis+unix://…`. A URL that cannot be is `bad_argument`; otherwise
/// errors as `RedisStore::open`, those that may pass with `retry_after_ms`.
/// @param random  for the id of a new store
Result<std::unique_ptr<Store>> make_store(std::string_view url, ShardNumber shard, const StoreWishes& wishes, Random& random);

}  // namespace sublet::broker
