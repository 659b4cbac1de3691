#include "broker/stores/make_store.hpp"

#include <fmt/format.h>

#include "broker/stores/memory_store.hpp"
#include "broker/stores/redis_store.hpp"
#include "common/job_text.hpp"

namespace sublet::broker {

Durability demanded_durability(const RedisAddress& address, const StoreWishes& wishes) {
  return wishes.durability.value_or(address.durability.value_or(Durability::fast));
}

Result<std::unique_ptr<Store>> make_store(std::string_view url, ShardNumber shard, const StoreWishes& wishes, Random& random) {
  if (url == "memory:") {
    if (wishes.durability.value_or(Durability::none) == Durability::none) return std::make_unique<MemoryStore>(random);
    return fail(ErrorCode::bad_argument, fmt::format("store \"memory:\" survives nothing and durability \"{}\" is demanded; use redis://",
                                                     to_text(*wishes.durability)));
  }
  if (!url.starts_with("redis")) {
    return fail(ErrorCode::bad_argument,
                fmt::format("store \"{}\" is not supported; use memory:, redis://host:port or redis+unix:///path", url));
  }
  const auto address = parse_redis_url(url);
  if (!address) return std::unexpected(address.error());
  auto store = RedisStore::open(*address,
                                {.shard = shard,
                                 .holder = wishes.holder,
                                 .demanded = demanded_durability(*address, wishes),
                                 .replicas = wishes.replicas,
                                 .compression = address->compression},
                                random);
  if (!store) return std::unexpected(store.error());
  return std::move(*store);
}

}  // namespace sublet::broker
