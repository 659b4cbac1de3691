#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <string>
#include <thread>

#include "common/time.hpp"
#include "producer/client.hpp"

namespace sublet::bench {

/// A burst of segments of 4 KiB that goes on until told to end, every output compared.
class SteadyBurst {
 public:
  static constexpr std::size_t kBytes = 4096;

  /// Returns once its first outputs have come.
  SteadyBurst(const std::string& endpoint, const Bundle& video, JobSpec spec);

  [[nodiscard]] std::uint64_t seen() const { return seen_; }
  /// The longest time without an output since the last call.
  Millis longest_gap();
  /// Ends it: what it says of its outputs.
  std::string end();

 private:
  void write(const std::stop_token& stop);
  void read();
  void note_gap(Instant now);

  Client client_;
  Job job_;
  std::atomic<std::uint64_t> seen_ = 0;
  std::atomic<std::uint64_t> wrong_ = 0;
  std::atomic<Instant> last_;
  std::atomic<Nanos> longest_ = Nanos{0};
  std::jthread reader_, writer_;
};

}  // namespace sublet::bench
