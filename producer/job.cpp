#include "producer/job.hpp"

#include <algorithm>
#include <utility>

#include <fmt/format.h>

#include "producer/engine.hpp"
#include "producer/outputs_state.hpp"

namespace sublet {
namespace {

ByteView view_of(const Blob& payload) { return payload.view(); }
ByteView view_of(ByteView payload) { return payload; }

}  // namespace

Job::Job(std::shared_ptr<producer::Engine> engine, std::shared_ptr<producer::JobHandle> handle, Opening opening)
    : engine_(std::move(engine)), handle_(std::move(handle)), opening_(opening) {}

JobId Job::id() const { return handle_->state->id; }

Placed::Placed(std::shared_ptr<producer::Places> places, std::uint64_t place, std::uint64_t length)
    : places_(std::move(places)), place_(place), bytes_(places_->memory(place).first(length)) {}

Placed& Placed::operator=(Placed&& other) noexcept {
  if (places_) places_->give_back(place_);
  places_ = std::move(other.places_);
  place_ = other.place_;
  bytes_ = other.bytes_;
  return *this;
}

Placed::~Placed() {
  if (places_) places_->give_back(place_);
}

Result<Placed> Job::place(std::uint64_t bytes) {
  const auto& places = handle_->places;
  if (!places) return fail(ErrorCode::bad_argument, "the job's payloads travel; open it by reference, or submit them as they are");
  const auto most = places->memory(0).size();
  if (bytes > most) {
    return fail(ErrorCode::chunk_too_large,
                fmt::format("a chunk of {} bytes; its job takes at most {}. Open the job with a larger max_chunk_bytes", bytes, most));
  }
  auto place = places->take(engine_->options().call_timeout, [this] { return engine_->is_interrupted(); });
  if (!place) return std::unexpected(std::move(place.error()));
  return Placed(places, *place, bytes);
}

Result<void> Job::submit(ChunkId chunk, Placed payload) {
  const auto places = std::exchange(payload.places_, nullptr);
  return engine_->submit(*handle_, chunk, places->submitted(chunk, payload.place_, payload.bytes_.size()));
}

/// One by one, since a batch may have more chunks than there are places.
template <class Item>
Result<void> Job::submit_placed(std::span<const Item> chunks) {
  for (const Item& chunk : chunks) {
    const ByteView payload(view_of(chunk.payload));
    auto placed = place(payload.size());
    if (!placed) return std::unexpected(std::move(placed.error()));
    std::ranges::copy(payload, placed->bytes().begin());
    if (auto submitted = submit(chunk.id, std::move(*placed)); !submitted) return submitted;
  }
  return {};
}

Result<void> Job::submit(ChunkId chunk, Blob payload) {
  if (!handle_->places) return engine_->submit(*handle_, chunk, payload);
  const Chunk only{.id = chunk, .payload = std::move(payload)};
  return submit_placed(std::span(&only, 1));
}

Result<void> Job::submit(ChunkId chunk, ByteView payload) {
  if (!handle_->places) return engine_->submit(*handle_, chunk, payload);
  const ChunkView only{.id = chunk, .payload = payload};
  return submit_placed(std::span(&only, 1));
}

Result<void> Job::submit(std::span<const Chunk> chunks) {
  return handle_->places ? submit_placed(chunks) : engine_->submit(*handle_, chunks);
}

Result<void> Job::submit(std::span<const ChunkView> chunks) {
  return handle_->places ? submit_placed(chunks) : engine_->submit(*handle_, chunks);
}

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
