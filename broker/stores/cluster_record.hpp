#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "common/error.hpp"
#include "common/shard.hpp"

namespace sublet::broker {

/// What every store of a cluster keeps about it. Written once, by the first broker that ever used the store.
struct ClusterRecord {
  /// The same in all its stores; a random number.
  std::uint64_t id = 0;
  Layout layout;
  std::uint32_t stores = 1;  ///< how many
  std::uint32_t place = 0;   ///< of this one among them: shard s lives in store s mod `stores`

  bool operator==(const ClusterRecord&) const = default;
};

/// What a broker was started with.
struct ClusterWishes {
  std::optional<std::uint16_t> shards;
  std::optional<std::uint16_t> spread;
  std::uint32_t stores = 1;

  /// Of a new cluster: a shard for each store, unless told otherwise.
  [[nodiscard]] Layout layout() const {
    return {.shards = shards.value_or(static_cast<std::uint16_t>(stores)), .spread = spread.value_or(1)};
  }
};

/// Whether the wishes agree with each other. `bad_argument` names the option.
Result<void> check_wishes(const ClusterWishes& wishes);

/// Whether a store may be used at that place of that cluster. `bad_argument` says what differs and what to do.
/// @param store  its name, which stands in every error
/// @param first  the cluster's id, as its first store has it
Result<void> check_cluster(std::string_view store, const ClusterRecord& recorded, const ClusterWishes& wishes, std::uint32_t place,
                           std::uint64_t first);

}  // namespace sublet::broker
