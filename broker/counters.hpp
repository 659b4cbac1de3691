#pragma once

#include <cstdint>

#include "common/histogram.hpp"

namespace sublet::broker {

/// What the loop has seen and done since it was opened.
struct Counters {
  std::uint64_t received = 0;   ///< messages that could be read
  std::uint64_t malformed = 0;  ///< messages that could not, and those on the wrong plane
  std::uint64_t strangers = 0;  ///< messages answered with `hello_required`
  std::uint64_t sent = 0;
  std::uint64_t full = 0;         ///< peers cut because they do not read
  std::uint64_t unreachable = 0;  ///< peers whose connection was gone when something had to be sent
  std::uint64_t silent = 0;       ///< peers not heard of for three heartbeats
  std::uint64_t steps = 0;
  std::uint64_t commits = 0;
  MicrosHistogram commit_micros;  ///< from a commit to the store's answer
  SizeHistogram commit_writes;
  std::uint64_t dropped_runs = 0;  ///< by `ServerOptions::drop_runs`
};

}  // namespace sublet::broker
