#include "producer/job.hpp"

#include <utility>

#include "producer/engine.hpp"
#include "producer/outputs_state.hpp"

namespace sublet {

Job::Job(std::shared_ptr<producer::Engine> engine, std::shared_ptr<producer::JobHandle> handle, Opening opening)
    : engine_(std::move(engine)), handle_(std::move(handle)), opening_(opening) {}

JobId Job::id() const { return handle_->state->id; }

Result<void> Job::submit(ChunkId chunk, Blob payload) { return engine_->submit(*handle_, chunk, payload); }
Result<void> Job::submit(ChunkId chunk, ByteView payload) { return engine_->submit(*handle_, chunk, payload); }
Result<void> Job::submit(std::span<const Chunk> chunks) { return engine_->submit(*handle_, chunks); }
Result<void> Job::submit(std::span<const ChunkView> chunks) { return engine_->submit(*handle_, chunks); }

Result<void> Job::flush(Millis timeout) { return engine_->flush(*handle_, timeout); }

Result<void> Job::close(Millis timeout) {
  if (auto flushed = flush(timeout); !flushed) return flushed;
  auto event = engine_->call_about<wire::Event>(id(), wire::Plane::bulk, wire::Close{.job = id()});
  if (!event) return std::unexpected(std::move(event.error()));
  return {};
}

Outputs Job::outputs(Order order, ChunkId first) {
  return Outputs(std::make_unique<Outputs::State>(engine_, handle_, engine_->open_reader(*handle_), order, first));
}

Result<JobStatus> Job::status() {
  auto event = engine_->call_about<wire::Event>(id(), wire::Plane::control, wire::Watch{.job = id()});
  if (!event) return std::unexpected(std::move(event.error()));
  return std::move(event->job);
}

Result<JobStatus> Job::cancel() {
  auto event = engine_->call_about<wire::Event>(id(), wire::Plane::control, wire::Cancel{.job = id()});
  if (!event) return std::unexpected(std::move(event.error()));
  return std::move(event->job);
}

Result<JobStatus> Job::wait(Millis timeout, const std::function<void(const JobStatus&)>& progress) {
  return engine_->wait(*handle_, timeout, progress);
}

Result<void> Job::watch(std::function<void(const JobStatus&)> callback, Millis interval) {
  if (interval <= Millis(0)) return fail(ErrorCode::bad_argument, "the interval of a watch must be positive; 200 ms is usual");
  const bool wanted = static_cast<bool>(callback);
  engine_->set_callback(*handle_, std::move(callback));
  if (wanted) engine_->follow(*handle_, interval);
  return {};
}

void Job::on_accepted(std::function<void(const AcceptedChunks&)> callback) { engine_->set_callback(*handle_, std::move(callback)); }

}  // namespace sublet
