// What a client does about dead chunks, and about jobs that nobody needs any more.

#include <algorithm>
#include <iterator>
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
  const wire::DeadQuery query{.job = job, .in_queue = queue, .select = {}};
  if (job.value != 0) {
    auto listed = engine_->call_about<wire::DeadListed>(job, Plane::control, query);
    if (!listed) return std::unexpected(std::move(listed.error()));
    return std::move(listed->classes);
  }
  std::vector<DeadClass> classes;
  for (auto& listed : engine_->call_all<wire::DeadListed>(query)) {
    if (!listed) return std::unexpected(std::move(listed.error()));
    std::ranges::move(listed->classes, std::back_inserter(classes));
  }
  return classes;
}

Result<std::vector<DeadChunk>> Client::dead_chunks(JobId job, const DeadSelection& select) {
  std::vector<DeadChunk> chunks;
  for (bool more = true; more;) {
    auto listed = engine_->call_about<wire::DeadListed>(
        job, Plane::control, wire::DeadQuery{.job = job, .in_queue = "", .select = select, .skip = chunks.size(), .limit = kPage});
    if (!listed) return std::unexpected(std::move(listed.error()));
    more = listed->chunks.size() == kPage;
    for (auto& chunk : listed->chunks) chunks.push_back(std::move(chunk));
  }
  return chunks;
}

Result<Job> Client::replay(JobId origin, const ReplayRequest& request) {
  const auto listed =
      engine_->call_about<wire::DeadListed>(origin, Plane::control, wire::DeadQuery{.job = origin, .in_queue = "", .select = {}});
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
  auto opened = engine_->call_about<wire::Opened>(
      origin, Plane::bulk, wire::Replay{.job = origin, .select = request.select, .again = request.again, .spec = std::move(spec)},
      Blob::copy_of(encoded));
  if (!opened) return std::unexpected(std::move(opened.error()));
  return Job(engine_, engine_->handle(opened->job), {.resumed = opened->resumed, .accepted = opened->accepted});
}

Result<std::uint64_t> Client::forget_dead(JobId job, const DeadSelection& select) {
  const auto removed = engine_->call_about<wire::Removed>(job, Plane::control, wire::Remove{.job = job, .select = select});
  if (!removed) return std::unexpected(removed.error());
  return removed->chunks;
}

Result<Blob> Client::dead_payload(JobId job, ChunkId chunk) {
  Blob payload;
  const auto answer = engine_->call_about<wire::ChunkPayload>(job, Plane::bulk, wire::Peek{.job = job, .chunk = chunk.value}, {}, &payload);
  if (!answer) return std::unexpected(answer.error());
  return payload;
}

Result<bool> Client::teardown(JobId job) {
  if (auto checked = engine_->check(job); !checked) return std::unexpected(std::move(checked.error()));
  // Not as a question about that job: one that was lost is gone, which is what was asked for.
  const auto removed = engine_->call<wire::Removed>(shard_of(job), Plane::control, wire::Teardown{.job = job});
  if (!removed) return std::unexpected(removed.error());
  return removed->found;
}

}  // namespace sublet
