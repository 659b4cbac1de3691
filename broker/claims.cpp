#include "broker/claims.hpp"

#include <utility>

namespace sublet::broker {

Result<std::unique_ptr<FixedClaims>> FixedClaims::open(const BrokerOptions& rules, std::vector<std::unique_ptr<Store>> stores) {
  std::vector<OpenedShard> shards;
  std::string name;
  for (auto& store : stores) {
    BrokerOptions own = rules;
    own.shard = static_cast<ShardNumber>(shards.size());
    own.layout.shards = static_cast<std::uint16_t>(stores.size());
    name = store->info().name;
    auto opened = open_shard(own, std::move(store));
    if (!opened) {
      return std::unexpected(opened.error());
    }
    shards.push_back(std::move(*opened));
  }
  const Layout layout{.shards = static_cast<std::uint16_t>(shards.size()), .spread = rules.layout.spread};
  return std::unique_ptr<FixedClaims>(new FixedClaims(layout, std::move(name), std::move(shards)));
}

Result<ClaimChanges> FixedClaims::changes(Instant /*now*/) { return ClaimChanges{.taken = std::exchange(shards_, {}), .give_back = {}}; }

}  // namespace sublet::broker
