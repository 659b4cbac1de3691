#pragma once

#include <cstdint>
#include <span>
#include <vector>

namespace sublet::cpu {

/// Neighbouring lanes `first` up to and without `last`.
struct LaneRun {
  std::uint32_t first = 0;
  std::uint32_t last = 0;

  [[nodiscard]] std::uint32_t count() const { return last - first; }
};

/// Some threads of a block, as runs of neighbours: one run while the block has not parted. Keeps its memory from use to use.
class LaneSet {
 public:
  void assign_all(std::uint32_t count);
  /// Those of `base` whose predicate byte is set, or clear when `negated`.
  void assign_where(const LaneSet& base, const std::uint8_t* predicate, bool negated);
  /// Takes `gone` out.
  void remove(const LaneSet& gone);
  void clear();

  [[nodiscard]] bool empty() const { return count_ == 0; }
  [[nodiscard]] std::uint32_t count() const { return count_; }
  [[nodiscard]] std::span<const LaneRun> runs() const { return runs_; }
  [[nodiscard]] std::uint32_t first() const { return runs_.front().first; }
  [[nodiscard]] std::uint32_t last() const { return runs_.back().last; }
  /// One byte a lane; right between `first` and `last`.
  [[nodiscard]] const std::uint8_t* mask() const { return mask_.data(); }

 private:
  void append(LaneRun run);

  std::vector<LaneRun> runs_;
  std::vector<std::uint8_t> mask_;
  std::uint32_t count_ = 0;
};

/// How many lanes of `lanes` have their predicate byte set.
std::uint32_t count_where(const LaneSet& lanes, const std::uint8_t* predicate);

}  // namespace sublet::cpu
