#include "broker/core/cards.hpp"

#include <algorithm>

namespace sublet::broker {

void Cards::index(std::uint64_t instance, const Offered& offered, bool wanted) {
  for (const auto& card : offered.cards) {
    const Key key{.free_sessions = card.free_sessions, .free_bytes = card.free_bytes, .instance = instance, .card = card.index};
    if (wanted) {
      free_.insert(key);
      totals_.insert(card.total_bytes);
    } else {
      free_.erase(key);
      totals_.erase(totals_.find(card.total_bytes));
    }
  }
}

void Cards::set_aside(Offered& offered, const Pending& pending) {
  for (auto& card : offered.cards) {
    if (card.index != pending.card) continue;
    card.free_bytes -= std::min(card.free_bytes, pending.bytes);
    card.free_sessions -= std::min(card.free_sessions, 1U);
  }
}

void Cards::offer(std::uint64_t instance, const wire::Offer& offer) {
  auto& offered = offered_[instance];
  index(instance, offered, false);
  offered.cards = offer.cards;
  // One entry per card index: a second one of the same index would be a card that is not there.
  std::ranges::stable_sort(offered.cards, {}, &wire::Card::index);
  const auto repeated = std::ranges::unique(offered.cards, {}, &wire::Card::index);
  offered.cards.erase(repeated.begin(), repeated.end());
  while (!offered.pending.empty() && offered.pending.front().ordinal <= offer.seen) offered.pending.pop_front();
  for (const auto& pending : offered.pending) set_aside(offered, pending);
  index(instance, offered, true);
}

void Cards::forget(std::uint64_t instance) {
  const auto found = offered_.find(instance);
  if (found == offered_.end()) return;
  index(instance, found->second, false);
  offered_.erase(found);
}

Cards::Place Cards::set_aside(Key key, std::uint64_t bytes) {
  const Place place{.instance = key.instance, .card = key.card};
  auto& offered = offered_[place.instance];
  index(place.instance, offered, false);
  offered.pending.push_back({.ordinal = ++offered.sent, .card = place.card, .bytes = bytes});
  set_aside(offered, offered.pending.back());
  index(place.instance, offered, true);
  return place;
}

const wire::Card& Cards::at(const Place& place) const {
  return *std::ranges::find(offered_.at(place.instance).cards, place.card, &wire::Card::index);
}

void Cards::set_more_aside(const Place& place, std::uint64_t bytes) {
  auto& offered = offered_.at(place.instance);
  index(place.instance, offered, false);
  offered.pending.back().bytes += bytes;
  std::ranges::find(offered.cards, place.card, &wire::Card::index)->free_bytes -= bytes;
  index(place.instance, offered, true);
}

Cards::Sum Cards::sum(std::uint64_t instance) const {
  Sum sum;
  const auto found = offered_.find(instance);
  if (found == offered_.end()) return sum;
  for (const auto& card : found->second.cards) {
    ++sum.cards;
    sum.total_bytes += card.total_bytes;
    sum.free_bytes += card.free_bytes;
  }
  return sum;
}

}  // namespace sublet::broker
