#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "common/time.hpp"

namespace sublet {

/// Chunks handed to a session process in one command, of which no outcome is known.
struct HandedOver {
  std::uint64_t number = 0;  ///< of the command, ascending by 1
  std::uint32_t count = 0;
  Instant at;
};

/// What a session process claims to have on the device; hostile input.
struct ClaimedRunning {
  std::uint64_t number = 0;
  std::uint32_t first = 0;
  std::uint32_t count = 0;
  std::uint64_t since_ns = 0;
};

/// A stretch of chunks of one handed-over command.
struct RunningChunks {
  std::size_t command = 0;  ///< position among those handed over
  std::uint32_t first = 0;
  std::uint32_t count = 0;

  bool operator==(const RunningChunks&) const = default;
};

/// The claim, where it can be true: stretches that lie inside what was handed over, at most `lanes` chunks. Empty when it cannot be.
std::vector<RunningChunks> believable(const ClaimedRunning& claim, std::span<const HandedOver> handed_over, std::uint32_t lanes);

/// Finds the chunk that runs too long. The session process says since when its oldest chunk runs; what it says is bounded by what the agent
/// saw itself, so a process that lies gets at most twice the limit.
class Watchdog {
 public:
  /// @param limit  of one chunk's kernels, with the grace for everything around them
  explicit Watchdog(Nanos limit) : limit_(limit) {}

  /// Whether the oldest chunk runs too long, as of now. Also decides when to look next.
  bool stuck(const ClaimedRunning& claim, std::span<const HandedOver> handed_over, Instant now);
  /// When to look next; nothing while nothing is handed over.
  [[nodiscard]] std::optional<Instant> look_at() const { return look_at_; }
  /// Something was handed over to an idle session.
  void begin(Instant now) { look_at_ = look_at_.value_or(now + limit_); }

 private:
  Nanos limit_;
  std::optional<Instant> look_at_;
  std::uint64_t seen_number_ = 0;
  std::uint32_t seen_first_ = 0;
  std::optional<Instant> seen_at_;
};

}  // namespace sublet
