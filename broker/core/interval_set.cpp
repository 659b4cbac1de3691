#include "broker/core/interval_set.hpp"

#include <algorithm>
#include <iterator>
#include <limits>

namespace sublet::broker {

IntervalSet::Change IntervalSet::insert(ChunkRange range) {
  Change change{.first = range.first, .last = last_of(range), .absorbed = {}};
  auto next = intervals_.upper_bound(change.first);
  // The interval before joins when it overlaps or touches; it keeps its key, so its record is only rewritten.
  auto home = intervals_.end();
  if (next != intervals_.begin()) {
    const auto before = std::prev(next);
    if (before->second >= change.first || before->second + 1 == change.first) {
      home = before;
      change.first = before->first;
      change.last = std::max(change.last, before->second);
    }
  }
  constexpr auto kMax = std::numeric_limits<std::uint64_t>::max();
  while (next != intervals_.end() && (change.last == kMax || next->first <= change.last + 1)) {
    change.last = std::max(change.last, next->second);
    change.absorbed.push_back(next->first);
    next = intervals_.erase(next);
  }
  if (home != intervals_.end()) {
    home->second = change.last;
  } else {
    intervals_.emplace_hint(next, change.first, change.last);
  }
  return change;
}

std::vector<ChunkRange> IntervalSet::missing(ChunkRange range) const {
  std::vector<ChunkRange> result;
  std::uint64_t first = range.first;
  const std::uint64_t last = last_of(range);
  auto next = intervals_.upper_bound(first);
  if (next != intervals_.begin() && std::prev(next)->second >= first) {
    if (std::prev(next)->second >= last) return result;
    first = std::prev(next)->second + 1;
  }
  for (; next != intervals_.end() && next->first <= last; ++next) {
    if (next->first > first) result.push_back({.first = first, .count = next->first - first});
    if (next->second >= last) return result;
    first = next->second + 1;
  }
  result.push_back({.first = first, .count = last - first + 1});
  return result;
}

bool IntervalSet::disjoint(ChunkRange range) const {
  const auto next = intervals_.upper_bound(range.first);
  if (next != intervals_.begin() && std::prev(next)->second >= range.first) return false;
  return next == intervals_.end() || next->first > last_of(range);
}

bool IntervalSet::contains(ChunkRange range) const {
  const auto next = intervals_.upper_bound(range.first);
  return next != intervals_.begin() && std::prev(next)->second >= last_of(range);
}

}  // namespace sublet::broker
