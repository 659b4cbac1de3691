#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "common/bytes.hpp"

namespace sublet::ring {

/// Which parts of an arena are in use. Kept by the agent, in its own memory. Takes the lowest place that fits, so that little work touches
/// little memory and stays in the cache.
class Blocks {
 public:
  explicit Blocks(Bytes arena) : free_{{.offset = 0, .bytes = arena.count}}, capacity_(arena.count) {}

  /// A block of at least `bytes`, aligned, or nothing when no gap is large enough.
  std::optional<std::uint64_t> take(std::uint64_t bytes);
  /// Gives a block back; `bytes` as taken.
  void give_back(std::uint64_t offset, std::uint64_t bytes);

  [[nodiscard]] std::uint64_t capacity() const { return capacity_; }
  [[nodiscard]] bool unused() const { return free_.size() == 1 && free_.front().bytes == capacity_; }

 private:
  struct Gap {
    std::uint64_t offset = 0;
    std::uint64_t bytes = 0;
  };

  /// Ascending, never touching each other.
  std::vector<Gap> free_;
  std::uint64_t capacity_ = 0;
};

}  // namespace sublet::ring
