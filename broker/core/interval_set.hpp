#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <vector>

#include "common/job.hpp"

namespace sublet::broker {

/// A set of 64-bit ids kept as intervals that do not touch: what a job has accepted. Every operation is O(log intervals), plus the
/// intervals it joins or reports.
class IntervalSet {
 public:
  /// What an insert did to the intervals, for the record of each.
  struct Change {
    std::uint64_t first = 0;  ///< of the interval that now holds the inserted range
    std::uint64_t last = 0;
    std::vector<std::uint64_t> absorbed;  ///< first ids of intervals that are gone
  };

  Change insert(ChunkRange range);

  /// The parts of `range` that are not in the set, ascending.
  [[nodiscard]] std::vector<ChunkRange> missing(ChunkRange range) const;
  /// Whether no id of `range` is in the set.
  [[nodiscard]] bool disjoint(ChunkRange range) const;
  [[nodiscard]] bool contains(ChunkRange range) const;

  /// First id -> last id.
  [[nodiscard]] const std::map<std::uint64_t, std::uint64_t>& intervals() const { return intervals_; }

 private:
  std::map<std::uint64_t, std::uint64_t> intervals_;
};

/// The last id of a range.
constexpr std::uint64_t last_of(ChunkRange range) { return range.first + (range.count - 1); }

}  // namespace sublet::broker
