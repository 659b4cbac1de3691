#include "producer/core/router.hpp"

#include <algorithm>
#include <iterator>
#include <utility>

#include <fmt/format.h>

namespace sublet::producer {

ShardNumber shard_to_open(const Layout& layout, const JobSpec& spec) {
  const auto shards = shards_of(layout, spec.queue);
  for (const JobId awaited : spec.after) {
    if (std::ranges::find(shards, shard_of(awaited)) != shards.end()) return shard_of(awaited);
  }
  return shard_of_key(layout, spec.queue, spec.idempotency_key);
}

Router::Router(Options options, Random& random)
    : options_(std::move(options)), brokers_(options_.brokers), random_(random), instance_(random.next()) {}

std::optional<Layout> Router::layout() const {
  for (const auto& [shard, connection] : connections_) {
    if (const auto& welcome = connection.welcome()) return Layout{.shards = welcome->shards, .spread = welcome->spread};
  }
  return std::nullopt;
}

Result<void> Router::check(JobId job) const {
  const auto cut = layout();
  if (!cut || shard_of(job) < cut->shards) return {};
  return fail(ErrorCode::not_found, fmt::format("job {} is of shard {}, and this cluster has {}; ask the brokers that opened it",
                                                to_hex(job), shard_of(job), cut->shards));
}

Connection& Router::connection(ShardNumber shard, Instant now) {
  const auto known = connections_.find(shard);
  if (known != connections_.end()) return known->second;
  LinkOptions options{.shard = shard,
                      .name = options_.name,
                      .instance = instance_,
                      .reconnect_first = options_.reconnect_first,
                      .reconnect_max = options_.reconnect_max};
  const auto made = connections_.try_emplace(shard, std::move(options), brokers_, random_).first;
  made->second.start(now);
  return made->second;
}

std::vector<Router::ShardEffects> Router::step(Instant now) {
  std::vector<ShardEffects> all;
  for (auto& [shard, connection] : connections_) {
    auto effects = connection.step(now);
    const bool any = effects.close || effects.connect || effects.connect_bulk || !effects.sends.empty();
    if (any) all.push_back({.shard = shard, .effects = std::move(effects)});
  }
  return all;
}

std::vector<Router::ShardEffects> Router::last_step(Instant now) {
  std::vector<ShardEffects> all;
  for (auto& [shard, connection] : connections_) {
    auto effects = connection.step(now);
    if (connection.link().up()) effects.sends.push_back({.plane = wire::Plane::control, .message = wire::Bye{}, .payload = {}});
    all.push_back({.shard = shard, .effects = std::move(effects)});
  }
  return all;
}

Instant Router::next_deadline() const {
  Instant first = Instant::max();
  for (const auto& [shard, connection] : connections_) first = std::min(first, connection.next_deadline());
  return first;
}

Changes Router::take_changes() {
  Changes all;
  for (auto& [shard, connection] : connections_) {
    auto changes = connection.take_changes();
    all.link |= changes.link;
    all.answers |= changes.answers;
    all.credit |= changes.credit;
    std::ranges::move(changes.jobs, std::back_inserter(all.jobs));
  }
  return all;
}

}  // namespace sublet::producer
