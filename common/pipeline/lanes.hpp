#pragma once

#include <cstdint>
#include <string_view>

#include "common/bytes.hpp"
#include "common/error.hpp"
#include "common/pipeline/pipeline.hpp"

namespace sublet {

/// What a lease takes for the chunks of one size.
struct LeaseNeed {
  Bytes least;         ///< modules, residents, and one lane, or as many as the pipeline says
  Bytes further_lane;  ///< of each lane more; 0 where the pipeline says how many there are

  bool operator==(const LeaseNeed&) const = default;
};

/// A session allocates a lane's buffers once, each as large as the larger of n = 0 and n = max_chunk makes it, so a size that shrinks as n
/// grows is covered too.
/// @param modules  as `module_bytes` counts them
Result<LeaseNeed> lease_need(const Pipeline& pipeline, std::uint64_t max_chunk_bytes, Bytes modules);
Result<LeaseNeed> lease_need(const Bundle& bundle, std::uint64_t max_chunk_bytes);

/// How many lanes are worth their memory on a kind of device. On a card one copies in, one computes and one copies out, and a fourth is
/// ready when one of them ends: docs/performance.md has what two and four give; more were not measured. The cpu device does one thing at a
/// time, and a second lane is there when the first is answered.
constexpr std::uint32_t useful_lanes(std::string_view device_kind) { return device_kind == "cpu" ? 2 : 4; }

/// What a lease takes with all the lanes that are worth it.
Bytes most_of(const LeaseNeed& need, std::uint32_t useful);

/// What a card has for leases.
struct CardShare {
  Bytes free;
  std::uint32_t sessions = 1;  ///< that may still come there, this one among them
  std::uint32_t useful = 1;    ///< lanes, on that kind of device
};

/// The slice for a lease: as many lanes as are useful and fit what the card has for each of the sessions that may come; one at least.
/// @param share  `free` is `need.least` or more
Bytes slice_for(const LeaseNeed& need, const CardShare& share);

/// The lanes that a slice holds; one at least.
/// @param said  by the pipeline; 0: it leaves that to whoever grants the lease
std::uint32_t lanes_in(const LeaseNeed& need, std::uint32_t said, Bytes slice);

}  // namespace sublet
