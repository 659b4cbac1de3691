#include <algorithm>
#include <utility>

#include "broker/core/core.hpp"

namespace sublet::broker {
namespace {

/// A job that nobody touches is looked at no more often than that.
constexpr Millis kMinJobCheck = 1s;

bool is_alone_ready(const RunRecord& record) { return record.state == ChunkState::ready && record.crashes >= kCrashesBeforeAlone; }

std::int64_t ready_in(const RunRecord& record) { return record.state == ChunkState::ready ? record.count : 0; }

}  // namespace

void Core::change(Job& job, Batch& batch, std::uint32_t begin, RunRecord value) {
  auto old = batch.run_at(begin).record;
  old.count = value.count;
  job.count(old.state) -= value.count;
  job.count(value.state) += value.count;
  auto& queue = *job.queue;
  queue.counts[static_cast<std::size_t>(old.state)] -= value.count;
  if (value.state <= ChunkState::leased) queue.counts[static_cast<std::size_t>(value.state)] += value.count;

  for (std::uint32_t index = 0; is_alone_ready(old) && index < value.count; ++index) job.alone.erase({batch.id(), begin + index});
  for (std::uint32_t index = 0; is_alone_ready(value) && index < value.count; ++index) job.alone.emplace(batch.id(), begin + index);
  const auto ready_before = batch.ready();
  batch.assign(begin, value);
  if (ready_before == 0 && batch.ready() > 0) job.ready_batches.insert(batch.id());
  if (ready_before > 0 && batch.ready() == 0) job.ready_batches.erase(batch.id());
  if (const auto delta = ready_in(value) - ready_in(old); delta != 0) {
    count_ready(job, delta);
    if (delta > 0) job.bucket->size->pool->touch();
    place_in_index(job);
  }
  mark(job, batch);
}

void Core::count_ready(Job& job, std::int64_t delta) {
  if (job.held) {
    job.queue->held += static_cast<std::uint64_t>(delta);
  } else {
    index_.count(job, delta);
  }
}

void Core::place_in_index(Job& job) {
  if (job.bucket == nullptr || job.held) return;
  // Batches are handed out in order, so one whose payload is away holds up those behind it.
  const bool ready = !job.ready_batches.empty() && job.batches.at(*job.ready_batches.begin()).is_resident();
  const bool is_grantable = ready || (!job.alone.empty() && job.alone_lease == LeaseId{});
  index_.place(job, is_grantable);
  fetch_turns_.place(job, !job.away.empty() && !job.ready_batches.empty() && *job.away.begin() == *job.ready_batches.begin());
  if (!is_grantable) fetch_turns_.look_at(*job.bucket);
}

void Core::mark(Job& job) {
  if (std::exchange(job.dirty, true)) return;
  changed_jobs_.push_back(&job);
}

void Core::mark(Job& job, Batch& batch) {
  mark(job);
  job.moved = true;
  if (std::exchange(batch.dirty, true)) return;
  changed_batches_.emplace_back(&job, batch.id());
}

void Core::wake_waiting(const Timer& timer) {
  const auto found = jobs_.find({.value = timer.id});
  if (found == jobs_.end()) return;
  auto& job = *found->second;
  const auto at = job.batches.find({.value = timer.batch});
  if (at == job.batches.end()) return;
  auto& batch = at->second;
  const auto run = batch.run_at(timer.begin);
  if (run.record.state != ChunkState::waiting || run.record.ref > now_ms()) return;
  auto ready = run.record;
  ready.state = ChunkState::ready;
  ready.ref = 0;
  change(job, batch, run.begin, ready);
}

bool Core::end_if_finished(Job& job) {
  if (job.has_ended()) return false;
  const auto ending = ending_of(job);
  // One without chunks still waits for what it runs after.
  if (ending.state == JobState::open || (ending.state == JobState::done && job.held)) return false;
  end_job(job, ending.state, ending.error);
  return true;
}

void Core::end_job(Job& job, JobState state, Error error) {
  if (job.has_ended()) return;
  drop_chunks(job);
  if (auto* lease = find_lease(std::exchange(job.alone_lease, {}))) {
    lease->reserved_for = {};
    refresh(*lease);
  }
  job.progress.state = state;
  job.progress.error = error.code;
  job.progress.error_detail = std::move(error.detail);
  end_timing(job);
  auto& size = *job.bucket->size;
  index_.place(job, false);
  end_paging(job);
  size.jobs.erase(job.id);
  --size.pool->live_jobs;
  size.pool->touch();
  job.bucket = nullptr;
  --job.queue->live_jobs;
  job.sessions.clear();
  keep_ended(job);
  job.moved = true;
  mark(job);
}

void Core::drop_chunks(Job& job) {
  if (job.unfinished() == 0) return;
  // Its sessions work on until they settle, which will be stale; until then what they hold still fills their windows.
  for (const auto id : job.sessions) {
    auto* lease = find_lease(id);
    if (lease == nullptr) continue;
    for (auto& grant : lease->grants) {
      if (grant.job != job.id) continue;
      grant.job = {};
      grant.parts.clear();
      erase({.kind = RecordKind::grant, .owner = grant.id.value});
    }
  }
  for (auto& [id, batch] : job.batches) {
    for (std::uint32_t position = 0; position < batch.count();) {
      const auto run = batch.run_at(position);
      position = run.end();
      if (run.record.state < ChunkState::done) change(job, batch, run.begin, {.count = run.record.count, .state = ChunkState::dropped});
    }
  }
}

void Core::check_job(Job& job) {
  const auto due = job.touched + job.spec.open_timeout;
  if (due > now_) {
    timers_.set({.due = due, .kind = TimerKind::job, .id = job.id.value});
    return;
  }
  const bool full = job.queue->output_bytes > options_.output_budget_bytes.count;
  if (job.progress.state == JobState::open) {
    job.progress.state = JobState::closed;
    job.moved = true;
    mark(job);
  } else if (!job.has_ended() && full) {
    // Nobody takes outputs, so nothing of this queue would ever run again.
    end_job(job, JobState::failed,
            {.code = ErrorCode::resource_exhausted,
             .detail = "its outputs were not taken, and its queue keeps no more of them; read the outputs"});
  } else if (job.has_ended() && full && job.log.bytes() > 0) {
    return drop_ended(job, ForgetReason::untaken);
  }
  if (job.has_ended() && job.log.bytes() == 0) return;
  timers_.set({.due = now_ + std::max<Millis>(job.spec.open_timeout, kMinJobCheck), .kind = TimerKind::job, .id = job.id.value});
}

}  // namespace sublet::broker
