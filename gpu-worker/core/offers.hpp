#pragma once

#include <cstdint>
#include <map>
#include <span>
#include <vector>

#include "common/bytes.hpp"
#include "common/shard.hpp"

namespace sublet {

/// What of a card can be given to somebody: all that is free or on offer.
struct CardRoom {
  Bytes bytes;
  std::uint32_t sessions = 0;

  bool operator==(const CardRoom&) const = default;
};

/// Deals the cards of a host to the shards that it is linked to. One shard alone is offered everything, before it asks. Several get what
/// they want, session by session: the next one goes to the shard that would then have the fewest, and of equals to the one that has waited
/// longest for its turn. What nobody wants stays free, so that whoever comes to want it has it with one message.
///
/// Dealing again changes nothing that nothing else has changed: an offer does not wander while a lease for it may be on its way.
class OfferDealer {
 public:
  explicit OfferDealer(ShardNumber shards) { set_shards(shards); }

  /// Shards beyond that number are forgotten.
  void set_shards(ShardNumber shards);
  /// What the shard lacks now; no sessions: nothing.
  /// @param most, least  of each session: less than `most` where a card has no more, and nothing where it has less than `least`
  void wants(ShardNumber shard, std::uint32_t sessions, Bytes most, Bytes least);
  /// A lease was taken: the shard's next turn comes after those of the others.
  void took(ShardNumber shard);
  void gave_back(ShardNumber shard);

  /// @param rooms  by card
  /// @return by shard, then by card; together at most the rooms
  [[nodiscard]] std::vector<std::vector<CardRoom>> deal(std::span<const CardRoom> rooms) const;

 private:
  struct Need {
    std::uint32_t sessions = 0;
    Bytes most;
    Bytes least;
    std::uint32_t held = 0;
  };

  std::vector<Need> needs_;         ///< by shard
  std::vector<ShardNumber> turns_;  ///< whose turn comes first
};

}  // namespace sublet
