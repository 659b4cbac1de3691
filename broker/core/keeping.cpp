// How long ended jobs are kept, and how they go.

#include <algorithm>
#include <utility>

#include <fmt/format.h>

#include "broker/core/core.hpp"

namespace sublet::broker {

void Core::keep_ended(Job& job) {
  job.ended_turn = ++last_ended_;
  ended_.emplace(job.ended_turn, &job);
  count_kept(job);
}

void Core::count_kept(Job& job) {
  if (job.ended_turn == 0) return;
  const auto bytes = job.log.bytes() + job.log.texts() + job.dead_bytes;
  ended_bytes_ += bytes - std::exchange(job.kept_bytes, bytes);
}

void Core::drop_ended(Job& job, ForgetReason reason) {
  if (job.ended_turn == 0) return;
  ended_.erase(std::exchange(job.ended_turn, 0));
  ended_bytes_ -= std::exchange(job.kept_bytes, 0);
  forgotten_.push_back(job.id);
  ++counts_.forgotten[static_cast<std::size_t>(reason)];
}

void Core::trim_ended() {
  while (ended_.size() > options_.ended_jobs_count) drop_ended(*ended_.begin()->second, ForgetReason::count);
  for (auto next = ended_.begin(); next != ended_.end() && ended_bytes_ > options_.ended_jobs_bytes.count;) {
    auto& job = *(next++)->second;
    // Whoever is reading it is about to make room.
    if (job.kept_bytes > 0 && job.log.readers().empty()) drop_ended(job, ForgetReason::bytes);
  }
}

void Core::check_kept(Job& job) {
  if (job.has_ended() && job.forgotten_at <= now_) drop_ended(job, ForgetReason::age);
}

void Core::forget_job(Job& job) {
  const auto owner = job.id.value;
  for (const auto& [first, last] : job.ids.intervals()) erase({.kind = RecordKind::accepted, .owner = owner, .item = first});
  // Whoever waits for more of it waits no longer. Who was sent everything has it, or asks again over a new connection.
  for (const auto& reader : job.log.readers()) {
    if (job.log.all_sent() && &reader == &job.log.readers().back()) break;
    send(reader.peer, reader.request,
         wire::ErrorReply{.code = ErrorCode::not_found, .detail = fmt::format("job {} is no longer kept", to_hex(job.id))});
  }
  const auto bytes = job.log.bytes();
  job.log.take(job.log.last(), [&](Cursor cursor) {
    erase({.kind = RecordKind::output, .owner = owner, .item = cursor.value});
    erase({.kind = RecordKind::output_bytes, .owner = owner, .item = cursor.value});
  });
  count_output_bytes(*job.queue, -static_cast<std::int64_t>(bytes));
  while (!job.dead.empty()) erase_dead(job, job.dead.begin()->first);
  job.watchers.clear();
  count_events(job);
  erase({.kind = RecordKind::progress, .owner = owner});
  if (job.timing_stored) erase({.kind = RecordKind::timing, .owner = owner});
  erase({.kind = RecordKind::job, .owner = owner});
  if (!job.spec.idempotency_key.empty()) job.queue->keys.erase(job.spec.idempotency_key);
  jobs_by_number_.erase(job.number);
  jobs_.erase(JobId(job.id));
}

Core::Handled Core::on(Request request, wire::Teardown& message) {
  const auto found = jobs_.find(message.job);
  wire::Removed removed{.job = message.job};
  if (found != jobs_.end()) {
    auto& job = *found->second;
    end_job(job, JobState::cancelled, {.code = ErrorCode::cancelled, .detail = "torn down on request"});
    removed.found = job.ended_turn != 0;
    for (const auto& [number, batch] : job.dead) removed.chunks += batch.chunks();
    drop_ended(job, ForgetReason::teardown);
    if (const auto pool = pools_.find(job.spec.pipeline); pool != pools_.end()) torn_.insert(pool->second.number);
  }
  reply(request, removed);
  return {};
}

void Core::retire_pools() {
  for (const auto number : std::exchange(torn_, {})) {
    const auto found = pools_by_number_.find(number);
    if (found == pools_by_number_.end()) continue;
    auto& pool = *found->second;
    if (pool.live_jobs > 0 || pool.dead_jobs > 0) continue;
    std::vector<Lease*> leases;
    for (auto& [key, size] : pool.sizes) {
      for (const auto& [id, lease] : size.leases) leases.push_back(lease);
    }
    for (auto* lease : leases) release_from_here(*lease, ErrorCode::ok, "the last job of its pipeline was torn down");
    drop_unused_sizes(pool);
    std::erase(touched_pools_, &pool);
    starved_.erase(number);
    erase({.kind = RecordKind::bundle, .hash = pool.pipeline});
    pools_by_number_.erase(number);
    pools_.erase(ContentHash(pool.pipeline));
  }
}

void Core::count_events(Job& job) {
  const auto bytes = job.log.texts() + job.watchers.size() * kWatcherBytes;
  job.queue->event_bytes += bytes - std::exchange(job.event_bytes, bytes);
}

}  // namespace sublet::broker
