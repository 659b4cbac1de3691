#include "gpu-worker/devices/cpu/run/lane_set.hpp"

#include <algorithm>
#include <cstring>

namespace sublet::cpu {

void LaneSet::clear() {
  runs_.clear();
  count_ = 0;
}

void LaneSet::append(LaneRun run) {
  if (mask_.size() < run.last) {
    mask_.resize(run.last);
  }
  // What lies between two runs is off, whatever stood there.
  const std::uint32_t from = runs_.empty() ? run.first : runs_.back().last;
  std::memset(mask_.data() + from, 0, run.first - from);
  std::memset(mask_.data() + run.first, 1, run.count());
  runs_.push_back(run);
  count_ += run.count();
}

void LaneSet::assign_all(std::uint32_t count) {
  clear();
  append({.first = 0, .last = count});
}

void LaneSet::assign_where(const LaneSet& base, const std::uint8_t* predicate, bool negated) {
  clear();
  const std::uint8_t wanted = negated ? 0 : 1;
  for (const LaneRun& run : base.runs_) {
    std::uint32_t at = run.first;
    while (at < run.last) {
      while (at < run.last && predicate[at] != wanted) {
        ++at;
      }
      const std::uint32_t first = at;
      while (at < run.last && predicate[at] == wanted) {
        ++at;
      }
      if (at > first) {
        append({.first = first, .last = at});
      }
    }
  }
}

void LaneSet::remove(const LaneSet& gone) {
  if (empty() || gone.empty() || gone.last() <= first() || gone.first() >= last()) {
    return;
  }
  std::vector<LaneRun> before;
  before.swap(runs_);
  count_ = 0;
  std::size_t next = 0;
  for (LaneRun run : before) {
    while (run.first < run.last) {
      while (next < gone.runs_.size() && gone.runs_[next].last <= run.first) {
        ++next;
      }
      if (next == gone.runs_.size() || gone.runs_[next].first >= run.last) {
        append(run);
        break;
      }
      const LaneRun cut = gone.runs_[next];
      if (cut.first > run.first) {
        append({.first = run.first, .last = cut.first});
      }
      run.first = std::min(cut.last, run.last);
    }
  }
}

std::uint32_t count_where(const LaneSet& lanes, const std::uint8_t* predicate) {
  std::uint32_t total = 0;
  for (const LaneRun& run : lanes.runs()) {
    std::uint32_t set = 0;
    for (std::uint32_t i = run.first; i < run.last; ++i) {
      set += predicate[i];
    }
    total += set;
  }
  return total;
}

}  // namespace sublet::cpu
