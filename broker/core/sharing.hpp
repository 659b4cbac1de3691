#pragma once

// Which of the shards that one store keeps this broker serves. Pure: every broker decides for itself from what it sees, and whoever sees
// wrongly is only slow, since a hold and its epoch decide who owns a shard.

#include <cstddef>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "common/shard.hpp"

namespace sublet::broker {

/// What a broker sees of one store. Brokers go by their control endpoint.
struct Sharing {
  std::string me;
  /// Alive now, this one included.
  std::vector<std::string> brokers;
  /// Who holds each of the store's shards; empty: nobody.
  std::map<ShardNumber, std::string> owners;
  /// Served here, or being taken, and not being given back.
  std::set<ShardNumber> mine;
  /// How many shards each broker holds in other stores.
  std::map<std::string, std::size_t> elsewhere;
};

struct SharingMoves {
  std::vector<ShardNumber> take;
  std::vector<ShardNumber> give_back;

  bool operator==(const SharingMoves&) const = default;
};

/// How many of the store's shards are for this broker: an equal part. What does not divide goes to those that hold most here already, so
/// that nothing moves without need; then to those that hold least elsewhere; then by name.
std::size_t fair_share(const Sharing& seen);

/// Takes free shards up to the fair share, the lowest first, and gives back what is above it, the highest first.
SharingMoves decide_moves(const Sharing& seen);

}  // namespace sublet::broker
