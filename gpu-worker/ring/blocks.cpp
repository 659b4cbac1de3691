#include "gpu-worker/ring/blocks.hpp"

#include <algorithm>

#include "gpu-worker/ring/layout.hpp"

namespace sublet::ring {

std::optional<std::uint64_t> Blocks::take(std::uint64_t bytes) {
  const std::uint64_t needed = std::max(aligned(bytes), kAlignment);
  const auto gap = std::ranges::find_if(free_, [&](const Gap& candidate) { return candidate.bytes >= needed; });
  if (gap == free_.end()) {
    return std::nullopt;
  }
  const std::uint64_t offset = gap->offset;
  gap->offset += needed;
  gap->bytes -= needed;
  if (gap->bytes == 0) {
    free_.erase(gap);
  }
  return offset;
}

void Blocks::give_back(std::uint64_t offset, std::uint64_t bytes) {
  const std::uint64_t returned = std::max(aligned(bytes), kAlignment);
  auto next = std::ranges::lower_bound(free_, offset, {}, &Gap::offset);
  const bool joins_next = next != free_.end() && offset + returned == next->offset;
  if (next != free_.begin()) {
    const auto previous = std::prev(next);
    if (previous->offset + previous->bytes == offset) {
      previous->bytes += returned;
      if (joins_next) {
        previous->bytes += next->bytes;
        free_.erase(next);
      }
      return;
    }
  }
  if (joins_next) {
    next->offset = offset;
    next->bytes += returned;
    return;
  }
  free_.insert(next, {.offset = offset, .bytes = returned});
}

}  // namespace sublet::ring
