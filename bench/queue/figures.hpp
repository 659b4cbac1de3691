#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "common/time.hpp"

namespace sublet::bench {

/// One shape of load: chunks of a size, travelling in batches.
struct Shape {
  std::size_t chunk_bytes = 64;
  std::size_t batch = 256;
  /// Batches on their way at the same time.
  std::size_t in_flight = 32;
  Seconds duration = 5s;
};

struct Latency {
  Micros p50{0};
  Micros p99{0};
};

inline double median(std::vector<double> values) {
  std::ranges::sort(values);
  return values.empty() ? 0 : values[values.size() / 2];
}

inline Latency percentiles(std::vector<Nanos> samples) {
  if (samples.empty()) return {};
  std::ranges::sort(samples);
  const auto at = [&](double share) {
    return std::chrono::duration_cast<Micros>(samples[static_cast<std::size_t>(share * static_cast<double>(samples.size() - 1))]);
  };
  return {.p50 = at(0.50), .p99 = at(0.99)};
}

}  // namespace sublet::bench
