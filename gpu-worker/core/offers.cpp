#include "gpu-worker/core/offers.hpp"

#include <algorithm>

namespace sublet {

namespace {

/// The card where a slice of that size leaves the most; none when it fits nowhere.
CardRoom* roomiest(std::span<CardRoom> left, Bytes bytes) {
  const auto best = std::ranges::max_element(
      left, {}, [&](const CardRoom& card) { return card.sessions > 0 && card.bytes >= bytes ? card.bytes.count + 1 : 0; });
  return best != left.end() && best->sessions > 0 && best->bytes >= bytes ? &*best : nullptr;
}

}  // namespace

void OfferDealer::set_shards(ShardNumber shards) {
  needs_.resize(shards);
  std::erase_if(turns_, [&](ShardNumber shard) { return shard >= shards; });
  for (auto shard = static_cast<ShardNumber>(turns_.size()); shard < shards; ++shard) turns_.push_back(shard);
}

void OfferDealer::wants(ShardNumber shard, std::uint32_t sessions, Bytes most, Bytes least) {
  needs_[shard].sessions = sessions;
  needs_[shard].most = std::max(most, least);
  needs_[shard].least = least;
}

void OfferDealer::took(ShardNumber shard) {
  ++needs_[shard].held;
  std::erase(turns_, shard);
  turns_.push_back(shard);
}

void OfferDealer::gave_back(ShardNumber shard) { --needs_[shard].held; }

std::vector<std::vector<CardRoom>> OfferDealer::deal(std::span<const CardRoom> rooms) const {
  std::vector<CardRoom> left(rooms.begin(), rooms.end());
  if (needs_.size() == 1) return {std::move(left)};
  std::vector<std::vector<CardRoom>> dealt(needs_.size(), std::vector<CardRoom>(rooms.size()));
  struct Hand {
    ShardNumber shard = 0;
    std::uint32_t wanted = 0;
    std::uint32_t has = 0;
  };
  std::vector<Hand> hands;
  for (const ShardNumber shard : turns_) {
    if (needs_[shard].sessions > 0) hands.push_back({.shard = shard, .wanted = needs_[shard].sessions, .has = needs_[shard].held});
  }
  while (!hands.empty()) {
    const auto next = std::ranges::min_element(hands, {}, &Hand::has);
    CardRoom* const card = roomiest(left, needs_[next->shard].least);
    if (card == nullptr) {
      hands.erase(next);
      continue;
    }
    const Bytes bytes = std::min(needs_[next->shard].most, card->bytes);
    CardRoom& share = dealt[next->shard][static_cast<std::size_t>(card - left.data())];
    card->bytes -= bytes;
    --card->sessions;
    share.bytes += bytes;
    ++share.sessions;
    ++next->has;
    if (--next->wanted == 0) hands.erase(next);
  }
  return dealt;
}

}  // namespace sublet
