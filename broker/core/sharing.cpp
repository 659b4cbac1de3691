#include "broker/core/sharing.hpp"

#include <algorithm>
#include <ranges>
#include <tuple>

namespace sublet::broker {

std::size_t fair_share(const Sharing& seen) {
  const auto shards = seen.owners.size();
  const auto brokers = std::max<std::size_t>(1, seen.brokers.size());
  const auto remainder = shards % brokers;
  // Smaller goes first.
  const auto rank_of = [&](const std::string& broker) {
    const auto held = std::ranges::count(seen.owners | std::views::values, broker);
    const auto elsewhere = seen.elsewhere.find(broker);
    return std::tuple(-held, elsewhere == seen.elsewhere.end() ? 0 : elsewhere->second, broker);
  };
  const auto mine = rank_of(seen.me);
  const auto before = std::ranges::count_if(seen.brokers, [&](const auto& broker) { return rank_of(broker) < mine; });
  return shards / brokers + (static_cast<std::size_t>(before) < remainder ? 1 : 0);
}

SharingMoves decide_moves(const Sharing& seen) {
  SharingMoves moves;
  const auto share = fair_share(seen);
  auto count = seen.mine.size();
  for (const auto& [shard, owner] : seen.owners) {
    if (count >= share) break;
    if (!owner.empty() || seen.mine.contains(shard)) continue;
    moves.take.push_back(shard);
    ++count;
  }
  for (const auto shard : seen.mine | std::views::reverse) {
    if (count <= share) break;
    moves.give_back.push_back(shard);
    --count;
  }
  return moves;
}

}  // namespace sublet::broker
