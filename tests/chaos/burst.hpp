#pragma once

#include <cstdint>
#include <string>

#include "common/job.hpp"
#include "common/pipeline/pipeline.hpp"
#include "tests/e2e/inputs.hpp"

namespace sublet::chaos {

using test::ByteVector;

/// The work of a burst, of which producer and judge know the same without telling each other: chunks 0 … `chunks` - 1 are dealt in turn to
/// one job per shard, whose outputs are read; every eighth also puts a number into a job that adds them up.
struct Burst {
  static constexpr Layout kLayout{.shards = 2};
  static constexpr std::uint32_t kReadJobs = 2;
  static constexpr std::uint32_t kSumJob = kReadJobs;  ///< number of the one that adds up
  static constexpr std::uint32_t kJobs = kReadJobs + 1;
  static constexpr std::uint64_t kSumEach = 8;
  static constexpr std::size_t kMaxBytes = 256;

  std::uint64_t chunks = 0;
  /// So that no two bursts have the same payloads.
  std::uint64_t salt = 0;

  /// Of the first `allowed` chunks, how many are that job's: its ids 0 … that - 1.
  [[nodiscard]] static std::uint64_t count_of(std::uint32_t job, std::uint64_t allowed) {
    return job == kSumJob ? allowed / kSumEach : (allowed + kReadJobs - 1 - job) / kReadJobs;
  }
  /// Its place in the whole burst.
  [[nodiscard]] static std::uint64_t place_of(std::uint32_t job, std::uint64_t id) { return id * kReadJobs + job; }

  [[nodiscard]] JobSpec spec_of(std::uint32_t job) const;
  [[nodiscard]] static Bundle bundle_of(std::uint32_t job);
  [[nodiscard]] ByteVector payload_of(std::uint32_t job, std::uint64_t id) const;
  /// What a chunk of a job that is read comes to.
  [[nodiscard]] ByteVector output_of(std::uint32_t job, std::uint64_t id) const;
  /// What the outputs of the job that adds up come to.
  [[nodiscard]] std::uint64_t sum() const;
};

}  // namespace sublet::chaos
