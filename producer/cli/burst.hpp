#pragma once

// One job from first file to last output: a thread that submits, a thread that writes what comes back.

#include <atomic>
#include <cstddef>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "common/error.hpp"
#include "common/io/wakeup.hpp"
#include "common/job.hpp"
#include "producer/cli/files.hpp"
#include "producer/cli/payload.hpp"
#include "producer/cli/sink.hpp"
#include "producer/cli/summary.hpp"
#include "producer/cli/tally.hpp"
#include "producer/client.hpp"

namespace sublet::cli {

struct BurstPlan {
  InputFiles inputs;
  Bundle bundle;
  JobSpec spec;
  /// Nothing: outputs are not fetched, the burst ends once all is accepted.
  std::unique_ptr<OutputSink> sink;
  /// Chunks in one submit; 0: the client packs them as it sees fit.
  std::size_t batch = 0;
  /// When it is stopped, leave the job open instead of cancelling it, so that the same idempotency key can go on with it.
  bool keep_when_stopped = false;
  /// Payloads and outputs stay in memory that the workers of this host share.
  std::optional<ByReference> by_reference = {};
};

/// A running burst. Its own errors become part of the summary.
class Burst {
 public:
  /// Opens the job and starts. A file over the broker's limit is named before anything is submitted.
  static Result<std::unique_ptr<Burst>> start(Client client, BurstPlan plan);
  ~Burst();
  Burst(const Burst&) = delete;
  Burst& operator=(const Burst&) = delete;

  /// Fetches the outputs of a job that somebody else submits or has submitted. Of `plan`, `inputs` give their names, as far as they go.
  static Result<std::unique_ptr<Burst>> fetch(Client client, JobId job, BurstPlan plan);
  /// Readable once both threads are at their end.
  [[nodiscard]] int finished_fd() const { return finished_.fd(); }
  [[nodiscard]] ProgressView view() const { return tally_.view(elapsed()); }
  [[nodiscard]] JobId job() const { return job_.id(); }
  [[nodiscard]] bool resumed() const { return job_.resumed(); }

  /// Ends it early for `reason`; returns at once.
  void stop(Error reason);
  /// Waits for the threads, cancels the job when the burst was stopped, and says what it came to.
  BurstSummary finish();

 private:
  Burst(Client client, Job job, BurstPlan plan, std::uint64_t expected, io::Wakeup finished);
  [[nodiscard]] Nanos elapsed() const;
  [[nodiscard]] std::string name_of_chunk(std::uint64_t chunk) const;
  void begin(bool takes_chunks);
  void submit_all();
  void submit_from_places();
  Result<Placed> wait_for_place(std::uint64_t bytes);
  bool submit_batch(std::vector<Chunk>& batch);
  bool may_go_on(const Result<void>& result);
  void read_all();
  void read_end();
  Result<void> take(const ChunkOutput& output);
  Result<void> keep(const std::string& name, ByteView output);
  [[nodiscard]] bool has_all(const std::string& name) const;
  void count_earlier_outputs(const JobStatus& status);
  void one_ended();

  Client client_;
  Job job_;
  BurstPlan plan_;
  PayloadReader payloads_;
  /// Chunks that this burst submits, or finds submitted under its idempotency key.
  std::uint64_t expected_;
  BurstTally tally_;
  io::Wakeup finished_;
  Instant started_;
  std::atomic<int> running_ = 0;
  /// The job ended before all was submitted, as the reader has seen.
  std::atomic<bool> ended_ = false;
  std::jthread submitter_;
  std::jthread reader_;
};

}  // namespace sublet::cli
