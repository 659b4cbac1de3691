#pragma once

// The library that producers link: open a job, submit chunks, stream outputs, wait.
//
//   auto client = Client::connect({.brokers = {"tcp://127.0.0.1:7450"}});
//   auto job = client->open(bundle, {.name = "burst", .max_chunk_bytes = 1 << 20});
//   job->submit(ChunkId{0}, as_view("…"));
//   job->close();
//   auto outputs = job->outputs(Order::chunk_id);
//   while (auto output = outputs.next().value()) use(output->id, output->output);
//
// A chunk of a pipeline that lets chunks say more than their length, or takes several inputs, is made by `make_chunk`; several outputs are
// taken apart by `split_outputs`.
//
// Every call returns a Result and never throws for what the broker or the network did.

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "common/bytes.hpp"
#include "common/error.hpp"
#include "common/ids.hpp"
#include "common/job.hpp"
#include "common/pipeline/pipeline.hpp"
#include "common/time.hpp"
#include "common/wire/chunk_header.hpp"
#include "common/wire/messages.hpp"
#include "producer/job.hpp"
#include "producer/outputs.hpp"

namespace sublet {

struct ClientOptions {
  /// Control endpoints, of one or more of the cluster's brokers: each is tried until one answers, and names the others where that is
  /// needed. Where a broker's bulk plane is, it says itself.
  std::vector<std::string> brokers = {"tcp://127.0.0.1:7450"};
  /// How this client shows in lists and logs; empty: host and process id.
  std::string name;
  /// How long `connect` waits for a broker's welcome.
  Millis connect_timeout = 5s;
  /// How long a call that asks the broker something waits for its answer, reconnects included.
  Millis call_timeout = 30s;
  /// Pause between attempts to reconnect: doubles from the first to the second, with jitter.
  Millis reconnect_first = 100ms;
  Millis reconnect_max = 5s;
  /// Allows a broker that is not on this host. What travels there is neither encrypted nor authenticated.
  bool insecure_network = false;
  /// The most outputs of one job that are on their way to the caller or held here unread. One larger output still comes through.
  std::uint64_t read_window_chunks = 65'536;
  Bytes read_window = 64_MiB;
};

/// How the payloads and outputs of a job by reference are kept.
struct ByReference {
  /// For those of the chunks that were submitted and whose outputs were not let go of. Reserved at once, in /dev/shm.
  Bytes memory = 256_MiB;
};

using wire::make_chunk;
using wire::NamedData;
using wire::NamedNumber;
using wire::split_outputs;

using QueueStatus = wire::QueueStatus;
using WorkerStatus = wire::WorkerStatus;
using DeadSelection = wire::DeadSelection;
using DeadClass = wire::DeadClass;
using DeadChunk = wire::DeadChunk;

/// Which dead chunks run again, and what is different this time.
struct ReplayRequest {
  DeadSelection select = {};
  /// Also those that were replayed before.
  bool again = false;
  /// Instead of the pipeline they died in.
  std::optional<Bundle> bundle = {};
  /// Changes the specification of the job they died in: limits, queue, key.
  std::function<void(JobSpec&)> change = {};
};

/// A connection to a cluster of brokers, kept up by a thread of its own: it reconnects, to another broker when one is gone, and repeats
/// what was not answered. Cheap to copy; all copies and the jobs opened through them share the connection, which closes with the last of
/// them; what was not flushed by then may be lost. Any number of threads may use it. Each shard of the cluster that is used has sockets of
/// its own: one that is not served at the moment delays only the calls about it, and the lists, which need every shard.
class Client {
 public:
  /// `disconnected`, naming the endpoints and the remedy, when no broker answered within `connect_timeout`.
  static Result<Client> connect(const ClientOptions& options = {});

  /// Opens a job, or finds the one of `spec.idempotency_key`. `spec.pipeline` is filled in here.
  Result<Job> open(const Bundle& bundle, JobSpec spec);
  /// Opens a job by reference: payloads and outputs stay where they are, in memory that this process and the workers of its host share, and
  /// are copied once each way, to the device and back. Only those workers run it. What was submitted survives brokers and workers, but not
  /// this process: a chunk that has not run by then is dead with `payload_lost`, so keep the job until it has ended; an idempotency key is
  /// `bad_argument`. Outputs are read here, each once: one that a second reader is sent again is `payload_lost`. They are aggregated by
  /// `collect` only. An output holds its place until it is let go of: copy what you keep for long.
  Result<Job> open(const Bundle& bundle, JobSpec spec, const ByReference& by_reference);
  /// An existing job, `not_found` when the broker has none of that id. Of one that another process opened by reference, reading outputs is
  /// `bad_argument`.
  Result<Job> attach(JobId job);

  Result<JobStatus> status(JobId job);
  Result<JobStatus> cancel(JobId job);
  Result<JobStatus> wait(JobId job, Millis timeout = kForever, const std::function<void(const JobStatus&)>& progress = {});

  /// Newest first; at most 1,000.
  Result<std::vector<JobStatus>> jobs(std::uint32_t limit = 100);
  Result<std::vector<QueueStatus>> queues();
  Result<std::vector<WorkerStatus>> workers();
  /// A paused queue takes chunks and runs none. `not_found` when no job was opened in it yet.
  Result<QueueStatus> pause(const std::string& queue, bool paused);

  /// Dead chunks by error: of one job, or of all jobs (`job` zero) in one queue or (empty) in every one, shard by shard.
  Result<std::vector<DeadClass>> dead(JobId job = {}, const std::string& queue = "");
  /// Each dead chunk of a job that is kept, in the order they died.
  Result<std::vector<DeadChunk>> dead_chunks(JobId job, const DeadSelection& select = {});
  /// What a dead chunk was given; `payload_lost` when its queue had no room to keep it.
  Result<Blob> dead_payload(JobId job, ChunkId chunk);
  /// Runs dead chunks again in a new, closed job under the same ids; all of them or, on an error, none. `accepted_before` of the job says
  /// how many. `not_found` when there is none that was not replayed before.
  Result<Job> replay(JobId job, const ReplayRequest& request = {});
  /// Forgets dead chunks with their payloads; answers how many.
  Result<std::uint64_t> forget_dead(JobId job, const DeadSelection& select = {});

  /// Removes a job and all that is kept of it: chunks, outputs, dead chunks, records. Cancels it first when it has not ended. Answers
  /// whether there was one; safe to repeat.
  Result<bool> teardown(JobId job);

  /// Makes every call that waits now, or will wait later, return `interrupted` (for Ctrl-C, from any thread but not from a signal handler),
  /// until called with `false`. Jobs go on at the broker.
  void interrupt(bool on = true);

 private:
  explicit Client(std::shared_ptr<producer::Engine> engine);
  std::shared_ptr<producer::Engine> engine_;
};

}  // namespace sublet
