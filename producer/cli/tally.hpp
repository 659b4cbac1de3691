#pragma once

#include <cstddef>
#include <cstdint>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "common/error.hpp"
#include "common/job.hpp"
#include "common/time.hpp"
#include "producer/cli/progress.hpp"
#include "producer/cli/summary.hpp"

namespace sublet::cli {

/// Counts of a burst, shared by its threads.
class BurstTally {
 public:
  /// @param inputs  how many chunks there are to be, as far as is known
  explicit BurstTally(std::uint64_t inputs) : seen_(inputs, false) {}

  void submitted(std::uint64_t chunks, std::uint64_t bytes);
  void done(std::uint64_t chunk, std::uint64_t bytes, Micros took);
  void failed(std::uint64_t chunk, std::string name, Error error);
  void moved(const JobStatus& status);
  /// Keeps the first reason only: what follows it are its consequences.
  void stop(Error reason);

  [[nodiscard]] std::optional<Error> stopped() const;
  [[nodiscard]] bool has_seen(std::uint64_t chunk) const;
  [[nodiscard]] ProgressView view(Nanos elapsed) const;
  /// Fills in what was counted.
  void fill(BurstSummary& summary);

 private:
  static constexpr std::size_t kFailuresKept = 100;

  /// Inputs are counted once, whatever is said about them; a chunk that is none of them is the job's own affair.
  bool first_sight(std::uint64_t chunk);
  [[nodiscard]] std::uint64_t total() const;

  mutable std::mutex mutex_;
  std::vector<bool> seen_;
  std::uint64_t submitted_ = 0;
  std::uint64_t done_ = 0;
  std::uint64_t failed_ = 0;
  std::uint64_t bytes_in_ = 0;
  std::uint64_t bytes_out_ = 0;
  std::vector<std::uint32_t> micros_;
  std::vector<FailedChunk> failures_;
  std::optional<JobStatus> status_;
  std::optional<Error> stopped_;
};

}  // namespace sublet::cli
