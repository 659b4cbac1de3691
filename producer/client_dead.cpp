// What a client does about dead chunks, and about jobs that nobody needs any more.

#include <utility>

#include <fmt/format.h>

#include "common/wire/bundle.hpp"
#include "producer/client.hpp"
#include "producer/engine.hpp"

namespace sublet {

using wire::Plane;

namespace {

/// Chunks asked for at a time.
constexpr std::uint32_t kPage = 1000;

}  // namespace

Result<std::vector<DeadClass>> Client::dead(JobId job, const std::string& queue) {
  auto listed = engine_->call<wire::DeadListed>(Plane::control, wire::DeadQuery{.job = job, .in_queue = queue, .select = {}}, job);
  if (!listed) return std::unexpected(std::move(listed.error()));
  return std::move(listed->classes);
}

Result<std::vector<DeadChunk>> Client::dead_chunks(JobId job, const DeadSelection& select) {
  std::vector<DeadChunk> chunks;
  for (bool more = true; more;) {
    auto listed = engine_->call<wire::DeadListed>(
        Plane::control, wire::DeadQuery{.job = job, .in_queue = "", .select = select, .skip = chunks.size(), .limit = kPage}, job);
    if (!listed) return std::unexpected(std::move(listed.error()));
    more = listed->chunks.size() == kPage;
    for (auto& chunk : listed->chunks) chunks.push_back(std::move(chunk));
  }
  return chunks;
}

Result<Job> Client::replay(JobId origin, const ReplayRequest& request) {
  const auto listed = engine_->call<wire::DeadListed>(Plane::control, wire::DeadQuery{.job = origin, .in_queue = "", .select = {}}, origin);
  if (!listed) return std::unexpected(listed.error());
  if (listed->spec.size() != 1) return fail(ErrorCode::protocol_error, "the broker did not say how the job was opened");
  JobSpec spec = listed->spec.front();
  spec.name += spec.name.empty() ? "replay" : " replay";
  spec.delay = 0ms;
  spec.after.clear();
  spec.after_any = false;
  // A REPLAY whose answer was lost is repeated; its key keeps the repeat from making a second job.
  spec.idempotency_key = "replay-" + to_hex(engine_->random()) + to_hex(engine_->random());
  std::vector<std::byte> encoded;
  if (request.bundle) {
    if (auto valid = validate(request.bundle->pipeline); !valid) return std::unexpected(valid.error());
    encoded = wire::encode_bundle(*request.bundle);
    spec.pipeline = wire::content_hash(encoded);
  }
  if (request.change) request.change(spec);
  auto opened = engine_->call<wire::Opened>(
      Plane::bulk, wire::Replay{.job = origin, .select = request.select, .again = request.again, .spec = std::move(spec)}, origin,
      Blob::copy_of(encoded));
  if (!opened) return std::unexpected(std::move(opened.error()));
  return Job(engine_, engine_->handle(opened->job), {.resumed = opened->resumed, .accepted = opened->accepted});
}

Result<std::uint64_t> Client::forget_dead(JobId job, const DeadSelection& select) {
  const auto removed = engine_->call<wire::Removed>(Plane::control, wire::Remove{.job = job, .select = select}, job);
  if (!removed) return std::unexpected(removed.error());
  return removed->chunks;
}

Result<Blob> Client::dead_payload(JobId job, ChunkId chunk) {
  Blob payload;
  const auto answer = engine_->call<wire::ChunkPayload>(Plane::bulk, wire::Peek{.job = job, .chunk = chunk.value}, job, {}, &payload);
  if (!answer) return std::unexpected(answer.error());
  return payload;
}

Result<bool> Client::teardown(JobId job) {
  const auto removed = engine_->call<wire::Removed>(Plane::control, wire::Teardown{.job = job});
  if (!removed) return std::unexpected(removed.error());
  return removed->found;
}

}  // namespace sublet
