#pragma once

// Which of a program's values somebody may still read.

#include <cstdint>
#include <vector>

#include "gpu-worker/devices/cpu/run/program.hpp"

namespace sublet::cpu::native {

/// A set of slots, by their units.
class SlotSet {
 public:
  explicit SlotSet(std::size_t units = 0) : words_((units + 63) / 64) {}

  void insert(std::uint32_t unit) { words_[unit / 64] |= 1ULL << unit % 64; }
  void erase(std::uint32_t unit) { words_[unit / 64] &= ~(1ULL << unit % 64); }
  [[nodiscard]] bool contains(std::uint32_t unit) const { return (words_[unit / 64] >> unit % 64 & 1U) != 0; }
  /// @return whether that added any
  bool insert_all(const SlotSet& other);
  bool operator==(const SlotSet&) const = default;

 private:
  std::vector<std::uint64_t> words_;
};

class Liveness {
 public:
  /// Of a program for which `is_small_enough` holds.
  explicit Liveness(const Program& program);

  /// The slots whose values may be read at `step` of `block` or later; all of them in a program that calls functions.
  [[nodiscard]] SlotSet before(std::uint32_t block, std::uint32_t step) const;

  static bool is_small_enough(const Program& program);

 private:
  [[nodiscard]] SlotSet after(const StepBlock& block) const;
  void go_back(SlotSet& live, const StepBlock& block, std::uint32_t step) const;

  const Program& program_;
  std::vector<SlotSet> before_block_;
};

}  // namespace sublet::cpu::native
