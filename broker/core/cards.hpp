#pragma once

#include <compare>
#include <cstdint>
#include <deque>
#include <iterator>
#include <map>
#include <optional>
#include <set>
#include <vector>

#include "common/wire/messages.hpp"

namespace sublet::broker {

/// Which of the cards that have room a lease goes to.
enum class Placement : std::uint8_t {
  spread,  ///< the one with most sessions free, then most memory: the work of one queue runs on as many cards as there are
  pack,    ///< the one whose memory it leaves least of: large leases find an empty card later
};

/// Where leases can be placed: what every worker offered, less the leases that are on their way to it.
class Cards {
 public:
  struct Place {
    std::uint64_t instance = 0;
    std::uint32_t card = 0;
  };

  explicit Cards(Placement placement = Placement::spread) : placement_(placement) {}

  /// Replaces the worker's last OFFER. LEASEs beyond the first `offer.seen` of this connection are not accounted for in it.
  void offer(std::uint64_t instance, const wire::Offer& offer);
  /// The connection is gone: its offer is void, and LEASEs are counted from zero.
  void forget(std::uint64_t instance);

  /// A card with `bytes` free of a worker that `fits`. The slice is set aside.
  template <class Fits>
  std::optional<Place> take(std::uint64_t bytes, Fits fits) {
    std::optional<Key> best;
    for (auto key = free_.rbegin(); key != free_.rend() && key->free_sessions > 0;) {
      if (key->free_bytes < bytes) {
        // Those of as many sessions that come after it have no more bytes: thousands of full cards are one step.
        key = std::make_reverse_iterator(free_.lower_bound({.free_sessions = key->free_sessions}));
        continue;
      }
      const bool better = !best || key->free_bytes <= best->free_bytes;
      if (better && fits(key->instance)) best = *key;
      if (best && placement_ == Placement::spread) break;
      ++key;
    }
    return best ? std::optional(set_aside(*best, bytes)) : std::nullopt;
  }
  std::optional<Place> take(std::uint64_t bytes) {
    return take(bytes, [](std::uint64_t) { return true; });
  }

  /// The card of a slice that was just set aside, without it.
  [[nodiscard]] const wire::Card& at(const Place& place) const;
  /// Sets more of the card aside for that slice; the card has it.
  void set_more_aside(const Place& place, std::uint64_t bytes);

  /// The largest card anyone has, free or not; 0 without any.
  [[nodiscard]] std::uint64_t largest() const { return totals_.empty() ? 0 : *totals_.rbegin(); }
  /// What a worker's cards sum up to: number, total, free.
  struct Sum {
    std::uint32_t cards = 0;
    std::uint64_t total_bytes = 0;
    std::uint64_t free_bytes = 0;
  };
  [[nodiscard]] Sum sum(std::uint64_t instance) const;

 private:
  struct Key {
    std::uint32_t free_sessions = 0;
    std::uint64_t free_bytes = 0;
    std::uint64_t instance = 0;
    std::uint32_t card = 0;
    constexpr auto operator<=>(const Key&) const = default;
  };
  struct Pending {
    std::uint64_t ordinal = 0;
    std::uint32_t card = 0;
    std::uint64_t bytes = 0;
  };
  struct Offered {
    std::vector<wire::Card> cards;  ///< as offered, less what is pending
    std::deque<Pending> pending;
    std::uint64_t sent = 0;
  };

  /// @param key  one of `free_`, by value since that changes
  Place set_aside(Key key, std::uint64_t bytes);
  void index(std::uint64_t instance, const Offered& offered, bool wanted);
  static void set_aside(Offered& offered, const Pending& pending);

  Placement placement_;
  std::map<std::uint64_t, Offered> offered_;
  std::set<Key> free_;
  std::multiset<std::uint64_t> totals_;
};

}  // namespace sublet::broker
