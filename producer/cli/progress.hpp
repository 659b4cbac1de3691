#pragma once

// What a burst looks like while it runs.

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>

#include "common/time.hpp"

namespace sublet::cli {

/// A burst at one moment.
struct ProgressView {
  std::uint64_t total = 0;
  std::uint64_t submitted = 0;
  std::uint64_t done = 0;    ///< with their output written
  std::uint64_t failed = 0;  ///< dead, or never submitted because their file could not be read
  std::uint64_t retries = 0;
  std::uint64_t bytes_out = 0;
  Nanos elapsed{};
  /// Nobody has taken a chunk yet, for so long that people should know.
  bool waiting_for_worker = false;
};

/// "[=======>      ]  45/100  45%  23.1 chunks/s  12.3 MiB out  2 retries  ETA 3 s", cut to `width` columns: details go first, then the
/// bar.
std::string progress_line(const ProgressView& view, std::size_t width);

/// The same for a log: "45 of 100 chunks (45%), 23.1 chunks/s, 12.3 MiB out".
std::string progress_sentence(const ProgressView& view);

/// Time that is left at the speed so far; nothing while that cannot be said.
std::optional<Nanos> time_left(const ProgressView& view);

/// Decides when to show: a bar each 100 ms, a sentence each 5 s.
class ProgressPace {
 public:
  explicit ProgressPace(Nanos interval) : interval_(interval) {}

  /// Whether to show now; the first answer is yes after one interval, so that a short burst prints nothing but its summary.
  bool due(Nanos elapsed) {
    if (elapsed < next_) return false;
    next_ = elapsed + interval_;
    return true;
  }

 private:
  Nanos interval_;
  Nanos next_ = interval_;
};

}  // namespace sublet::cli
