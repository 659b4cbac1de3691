#include "broker/stores/cluster_record.hpp"

#include <fmt/format.h>

namespace sublet::broker {

Result<void> check_wishes(const ClusterWishes& wishes) {
  const auto layout = wishes.layout();
  if (wishes.spread && !wishes.shards) {
    return fail(ErrorCode::bad_argument,
                fmt::format("--spread {} goes with --shards: say both, or neither once the cluster is there", layout.spread));
  }
  if (layout.spread > layout.shards) {
    return fail(ErrorCode::bad_argument, fmt::format("--spread {} is more than --shards {}: a queue cannot use more shards than there are",
                                                     layout.spread, layout.shards));
  }
  if (wishes.stores > layout.shards) {
    return fail(ErrorCode::bad_argument, fmt::format("{} stores for {} shards: each store needs one, so give --shards {} or more",
                                                     wishes.stores, layout.shards, wishes.stores));
  }
  return {};
}

Result<void> check_cluster(std::string_view store, const ClusterRecord& recorded, const ClusterWishes& wishes, std::uint32_t place,
                           std::uint64_t first) {
  const auto differs = [&](std::string_view what, std::string_view remedy) {
    return fail(ErrorCode::bad_argument, fmt::format("{}: {}; {}", store, what, remedy));
  };
  constexpr std::string_view kForGood = "that is chosen once: leave the option out, or use an empty store";
  if (recorded.id != first) return differs("it belongs to another cluster than the first --store", "name the stores of one cluster only");
  if (recorded.stores != wishes.stores) {
    return differs(fmt::format("its cluster has {} stores and {} are given", recorded.stores, wishes.stores),
                   "give --store once for each, in the order of the first start");
  }
  if (recorded.place != place) {
    return differs(fmt::format("it is store number {} of its cluster and is given as number {}", recorded.place + 1, place + 1),
                   "give the stores in the order of the first start: a shard is looked for in the store that has it");
  }
  if (wishes.shards && *wishes.shards != recorded.layout.shards) {
    return differs(fmt::format("its cluster has {} shards and --shards says {}", recorded.layout.shards, *wishes.shards), kForGood);
  }
  if (wishes.spread && *wishes.spread != recorded.layout.spread) {
    return differs(fmt::format("its queues use {} shards each and --spread says {}", recorded.layout.spread, *wishes.spread), kForGood);
  }
  return {};
}

}  // namespace sublet::broker
