#include "gpu-worker/core/agent_window.hpp"

#include <algorithm>

namespace sublet {
namespace {

/// Work for so long covers a broker's round trip many times over.
constexpr Nanos kWorth = 100ms;
constexpr std::uint64_t kMostChunks = 8192;
constexpr std::uint64_t kMostBytes = 32ULL << 20U;

/// A few chunks per lane: the next is there when one ends, and nothing is known yet about how long they take.
std::uint64_t fewest(const WindowLimits& limits) { return std::uint64_t{4} * std::max<std::uint32_t>(limits.lanes, 1); }

}  // namespace

WindowPolicy::WindowPolicy(const WindowLimits& limits) : limits_(limits) {
  size_.chunks = fewest(limits);
  // Two of the largest chunks per lane, whatever the arena; what does not fit into it waits beside it.
  const std::uint64_t needed =
      2 * std::uint64_t{std::max<std::uint32_t>(limits.lanes, 1)} * std::max<std::uint64_t>(limits.max_chunk_bytes, 1);
  size_.bytes = std::max(needed, std::min(limits.arena_bytes / 2, kMostBytes));
}

bool WindowPolicy::learn(std::uint64_t chunks, Nanos busy) {
  if (chunks == 0) {
    return false;
  }
  const double measured = std::max(1.0, static_cast<double>(busy.count()) / static_cast<double>(chunks));
  // Later runs count more, so that a job whose chunks become slower is noticed.
  nanos_per_chunk_ = nanos_per_chunk_ == 0 ? measured : nanos_per_chunk_ * 0.75 + measured * 0.25;
  const double wanted = static_cast<double>(kWorth.count()) / nanos_per_chunk_;
  const auto chunks_wanted =
      static_cast<std::uint64_t>(std::clamp(wanted, static_cast<double>(fewest(limits_)), static_cast<double>(kMostChunks)));
  const bool worth_telling = chunks_wanted >= size_.chunks * 2 || chunks_wanted * 2 <= size_.chunks;
  if (worth_telling) {
    size_.chunks = chunks_wanted;
  }
  return worth_telling;
}

}  // namespace sublet
