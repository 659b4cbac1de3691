#include "producer/client.hpp"

#include <utility>

#include "common/wire/bundle.hpp"
#include "producer/engine.hpp"

namespace sublet {

using producer::Engine;
using wire::Plane;

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
  auto opened = engine_->call<wire::Opened>(Plane::bulk, wire::Open{.spec = std::move(spec)}, {}, Blob(encoded, *encoded));
  if (!opened) return std::unexpected(std::move(opened.error()));
  auto handle = engine_->handle(opened->job, [&](producer::KnownJob& job) {
    job.max_chunk_bytes = max_chunk_bytes;
    if (!job.reader && job.taken_before < opened->taken) job.taken_before = job.taken_told = opened->taken;
  });
  return Job(engine_, std::move(handle), {.resumed = keyed && opened->resumed, .accepted = opened->accepted});
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
  auto event = engine_->call<wire::Event>(Plane::control, wire::Watch{.job = job}, job);
  if (!event) return std::unexpected(std::move(event.error()));
  return std::move(event->job);
}

Result<JobStatus> Client::cancel(JobId job) {
  auto event = engine_->call<wire::Event>(Plane::control, wire::Cancel{.job = job}, job);
  if (!event) return std::unexpected(std::move(event.error()));
  return std::move(event->job);
}

Result<JobStatus> Client::wait(JobId job, Millis timeout, const std::function<void(const JobStatus&)>& progress) {
  return engine_->wait(*engine_->handle(job), timeout, progress);
}

Result<std::vector<JobStatus>> Client::jobs(std::uint32_t limit) {
  auto listed = engine_->call<wire::Listed>(Plane::control, wire::List{.what = wire::Listing::jobs, .limit = limit});
  if (!listed) return std::unexpected(std::move(listed.error()));
  return std::move(listed->jobs);
}

Result<std::vector<QueueStatus>> Client::queues() {
  auto listed = engine_->call<wire::Listed>(Plane::control, wire::List{.what = wire::Listing::queues});
  if (!listed) return std::unexpected(std::move(listed.error()));
  return std::move(listed->queues);
}

Result<std::vector<WorkerStatus>> Client::workers() {
  auto listed = engine_->call<wire::Listed>(Plane::control, wire::List{.what = wire::Listing::workers});
  if (!listed) return std::unexpected(std::move(listed.error()));
  return std::move(listed->workers);
}

Result<QueueStatus> Client::pause(const std::string& queue, bool paused) {
  auto listed = engine_->call<wire::Listed>(Plane::control, wire::Pause{.queue = queue, .paused = paused});
  if (!listed) return std::unexpected(std::move(listed.error()));
  if (listed->queues.empty()) return fail(ErrorCode::not_found, "the broker has no queue \"" + queue + "\"; `sublet queues` lists them");
  return std::move(listed->queues.front());
}

void Client::interrupt(bool on) { engine_->interrupt(on); }

}  // namespace sublet
