#include "common/pipeline/lanes.hpp"

#include <algorithm>

namespace sublet {
namespace {

/// `least` and so many lanes more; as much as there can be where that is past 2^64.
Bytes with_further(const LeaseNeed& need, std::uint64_t lanes) {
  std::uint64_t sum = 0;
  const bool too_much = __builtin_mul_overflow(need.further_lane.count, lanes, &sum) || __builtin_add_overflow(sum, need.least.count, &sum);
  return too_much ? need.least : Bytes{sum};
}

/// How many lanes beyond the first `slice` holds.
std::uint64_t further_lanes(const LeaseNeed& need, Bytes slice) {
  return need.further_lane == Bytes{} || slice <= need.least ? 0 : (slice - need.least).count / need.further_lane.count;
}

}  // namespace

Bytes most_of(const LeaseNeed& need, std::uint32_t useful) { return with_further(need, std::max<std::uint32_t>(useful, 1) - 1); }

Bytes slice_for(const LeaseNeed& need, const CardShare& share) {
  const Bytes each{share.free.count / std::max<std::uint32_t>(share.sessions, 1)};
  const std::uint64_t useful = std::max<std::uint32_t>(share.useful, 1) - 1;
  return with_further(need, std::min(further_lanes(need, each), useful));
}

std::uint32_t lanes_in(const LeaseNeed& need, std::uint32_t said, Bytes slice) {
  if (said != 0) return said;
  return static_cast<std::uint32_t>(std::min<std::uint64_t>(1 + further_lanes(need, slice), PipelineLimits::kLanes));
}

}  // namespace sublet
