#include "producer/client.hpp"

#include <algorithm>
#include <utility>

#include "common/io/random.hpp"
#include "common/io/segment.hpp"
#include "common/wire/bundle.hpp"
#include "producer/core/merge.hpp"
#include "producer/engine.hpp"

namespace sublet {

using producer::Engine;
using wire::Plane;

namespace {

/// As many as a broker lists at most.
constexpr std::uint32_t kMostListed = 1'000;

/// What every shard lists, or why one does not.
Result<std::vector<wire::Listed>> list(Engine& engine, const wire::List& question) {
  std::vector<wire::Listed> listed;
  for (auto& answer : engine.call_all<wire::Listed>(question)) {
    if (!answer) return std::unexpected(std::move(answer.error()));
    listed.push_back(std::move(*answer));
  }
  return listed;
}

}  // namespace

Client::Client(std::shared_ptr<Engine> engine) : engine_(std::move(engine)) {}

Result<Client> Client::connect(const ClientOptions& options) {
  auto engine = Engine::connect(options);
  if (!engine) return std::unexpected(std::move(engine.error()));
  return Client(std::move(*engine));
}

Result<Job> Client::open(const Bundle& bundle, JobSpec spec) {
  if (auto valid = validate(bundle.pipeline); !valid) return std::unexpected(valid.error());
  const auto encoded = std::make_shared<const std::vector<std::byte>>(wire::encode_bundle(bundle));
  spec.pipeline = wire::content_hash(*encoded);
  // An OPEN whose answer was lost is repeated; a key of its own keeps the repeat from making a second job.
  const bool keyed = !spec.idempotency_key.empty();
  if (!keyed) spec.idempotency_key = "once-" + to_hex(engine_->random()) + to_hex(engine_->random());
  const std::uint64_t max_chunk_bytes = spec.max_chunk_bytes;
  const ShardNumber shard = producer::shard_to_open(engine_->layout(), spec);
  auto opened = engine_->call<wire::Opened>(shard, Plane::bulk, wire::Open{.spec = std::move(spec)}, {}, Blob(encoded, *encoded));
  if (!opened) return std::unexpected(std::move(opened.error()));
  auto handle = engine_->handle(opened->job, [&](producer::KnownJob& job) {
    job.max_chunk_bytes = max_chunk_bytes;
    if (!job.reader && job.taken_before < opened->taken) job.taken_before = job.taken_told = opened->taken;
  });
  return Job(engine_, std::move(handle), {.resumed = keyed && opened->resumed, .accepted = opened->accepted});
}

Result<Job> Client::open(const Bundle& bundle, JobSpec spec, const ByReference& by_reference) {
  if (!spec.idempotency_key.empty()) {
    return fail(ErrorCode::bad_argument,
                "a job by reference ends with this process, so no key finds it again; leave the idempotency key out");
  }
  if (auto valid = validate(bundle.pipeline); !valid) return std::unexpected(valid.error());
  const auto host = io::shared_host();
  if (!host) return std::unexpected(host.error());
  io::SystemRandom random;
  auto places = producer::Places::create(bundle.pipeline, spec.max_chunk_bytes, by_reference.memory, random);
  if (!places) return std::unexpected(std::move(places.error()));
  spec.host = *host;
  auto job = open(bundle, std::move(spec));
  if (job) job->handle_->places = std::move(*places);
  return job;
}

Result<Job> Client::attach(JobId job) {
  auto known = status(job);
  if (!known) return std::unexpected(std::move(known.error()));
  const std::uint64_t accepted = known->accepted;
  auto handle = engine_->handle(job, [&](producer::KnownJob& state) {
    if (!state.status) state.status = std::move(*known);
  });
  return Job(engine_, std::move(handle), {.resumed = true, .accepted = accepted});
}

Result<JobStatus> Client::status(JobId job) {
  auto event = engine_->call_about<wire::Event>(job, Plane::control, wire::Watch{.job = job});
  if (!event) return std::unexpected(std::move(event.error()));
  return std::move(event->job);
}

Result<JobStatus> Client::cancel(JobId job) {
  auto event = engine_->call_about<wire::Event>(job, Plane::control, wire::Cancel{.job = job});
  if (!event) return std::unexpected(std::move(event.error()));
  return std::move(event->job);
}

Result<JobStatus> Client::wait(JobId job, Millis timeout, const std::function<void(const JobStatus&)>& progress) {
  if (auto checked = engine_->check(job); !checked) return std::unexpected(std::move(checked.error()));
  return engine_->wait(*engine_->handle(job), timeout, progress);
}

Result<std::vector<JobStatus>> Client::jobs(std::uint32_t limit) {
  const auto listed = list(*engine_, {.what = wire::Listing::jobs, .limit = limit});
  if (!listed) return std::unexpected(listed.error());
  return producer::merge_jobs(*listed, std::min(limit, kMostListed));
}

Result<std::vector<QueueStatus>> Client::queues() {
  const auto listed = list(*engine_, {.what = wire::Listing::queues});
  if (!listed) return std::unexpected(listed.error());
  return producer::merge_queues(*listed);
}

Result<std::vector<WorkerStatus>> Client::workers() {
  const auto listed = list(*engine_, {.what = wire::Listing::workers});
  if (!listed) return std::unexpected(listed.error());
  return producer::merge_workers(*listed);
}

Result<QueueStatus> Client::pause(const std::string& queue, bool paused) {
  std::vector<wire::Listed> paused_there;
  for (auto& answer : engine_->call_all<wire::Listed>(wire::Pause{.queue = queue, .paused = paused})) {
    // A queue is in the shards where jobs were opened in it.
    if (!answer && answer.error().code == ErrorCode::not_found) continue;
    if (!answer) return std::unexpected(std::move(answer.error()));
    paused_there.push_back(std::move(*answer));
  }
  auto queues = producer::merge_queues(paused_there);
  if (queues.empty()) return fail(ErrorCode::not_found, "the brokers have no queue \"" + queue + "\"; `sublet queues` lists them");
  return std::move(queues.front());
}

void Client::interrupt(bool on) { engine_->interrupt(on); }

}  // namespace sublet
