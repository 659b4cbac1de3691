// When a job may begin, and by when it has to have ended.

#include <algorithm>
#include <utility>

#include <fmt/format.h>

#include "broker/core/core.hpp"
#include "common/job_text.hpp"

namespace sublet::broker {
namespace {

/// What is left of a job's times is written down again after an eighth of it. A broker with another clock gives that much again at most.
constexpr int kCheckpointShare = 8;
constexpr Millis kMinCheckpoint = 1s;
constexpr Millis kMaxCheckpoint = 1min;

bool is_timed(const JobSpec& spec) { return spec.delay > 0ms || !spec.after.empty() || spec.deadline > 0ms || spec.ttl > 0ms; }

std::uint64_t ms_of(const std::optional<Instant>& at) {
  return at ? static_cast<std::uint64_t>(std::chrono::duration_cast<Millis>(at->time_since_epoch()).count()) : 0;
}

std::string ending_text(const Job& job) {
  const auto& [state, error, detail] = std::tie(job.progress.state, job.progress.error, job.progress.error_detail);
  auto text = fmt::format("ended {}", to_text(state));
  if (state == JobState::failed && error != ErrorCode::ok) text += fmt::format(" ({}: {})", error_info(error).name, detail);
  return text;
}

}  // namespace

Result<std::set<JobId>> Core::find_awaited(const JobSpec& spec) const {
  std::set<JobId> awaited;
  for (const auto id : spec.after) {
    const auto found = jobs_.find(id);
    if (found == jobs_.end()) {
      return fail(ErrorCode::not_found,
                  fmt::format("no job {} in this shard to run after; it was never opened here, or it ended and was forgotten", to_hex(id)));
    }
    const auto& job = *found->second;
    if (!job.has_ended()) {
      awaited.insert(id);
    } else if (job.progress.state != JobState::done && !spec.after_any) {
      return fail(ErrorCode::dependency_failed,
                  fmt::format("job {}, to run after, {}; leave it out, or run after any end of it", to_hex(id), ending_text(job)));
    }
  }
  return awaited;
}

void Core::begin_timing(Job& job, std::set<JobId> awaited) {
  const auto& spec = job.spec;
  if (spec.delay > 0ms) {
    job.starts = now_ + spec.delay;
    timers_.set({.due = *job.starts, .kind = TimerKind::start, .id = job.id.value});
  }
  if (spec.deadline > 0ms) {
    job.deadline = now_ + spec.deadline;
    timers_.set({.due = *job.deadline, .kind = TimerKind::deadline, .id = job.id.value});
  }
  for (const auto id : awaited) jobs_.at(id)->dependents.insert(job.id);
  job.awaits = std::move(awaited);
  job.held = job.starts || !job.awaits.empty();
  write_timing(job);
}

void Core::release(Job& job) {
  job.held = false;
  job.released = now_;
  job.queue->held -= job.ready;
  index_.count(job, static_cast<std::int64_t>(job.ready));
  place_in_index(job);
  fetch_ahead(job);
  auto& pool = *job.bucket->size->pool;
  pool.touch();
  // The step may be past granting.
  timers_.set({.due = now_, .kind = TimerKind::pool, .id = pool.number});
}

void Core::check_hold(Job& job) {
  if (!job.held) return;
  if (job.starts && *job.starts <= now_) job.starts.reset();
  if (!job.starts && job.awaits.empty()) release(job);
  write_timing(job);
  job.moved = true;
  mark(job);
  end_if_finished(job);
}

void Core::check_deadline(Job& job) {
  if (job.has_ended() || !job.deadline || *job.deadline > now_) return;
  end_job(job, JobState::failed,
          {.code = ErrorCode::deadline_exceeded,
           .detail = fmt::format("{} of {} chunks were done within its {} ms; give it a longer deadline, or more workers",
                                 job.progress.done, job.progress.accepted, job.spec.deadline.count())});
}

void Core::end_timing(Job& job) {
  job.held = false;
  job.starts.reset();
  job.deadline.reset();
  for (const auto id : std::exchange(job.awaits, {})) {
    if (const auto found = jobs_.find(id); found != jobs_.end()) found->second->dependents.erase(job.id);
  }
  if (!job.dependents.empty()) told_.push_back(job.id);
  job.forgotten_at = now_ + (job.spec.ttl > 0ms ? job.spec.ttl : options_.ended_jobs_age);
  timers_.set({.due = job.forgotten_at, .kind = TimerKind::retained, .id = job.id.value});
  write_timing(job);
}

void Core::tell_dependents() {
  // Ending one may end those that run after it, and so on: a queue, since the chain may be as long as there are jobs.
  for (std::size_t index = 0; index < told_.size(); ++index) {
    auto& ended = *jobs_.at(told_[index]);
    for (const auto id : std::exchange(ended.dependents, {})) {
      auto& dependent = *jobs_.at(id);
      if (dependent.has_ended()) continue;
      dependent.awaits.erase(ended.id);
      if (ended.progress.state == JobState::done || dependent.spec.after_any) {
        check_hold(dependent);
      } else {
        end_job(dependent, JobState::failed,
                {.code = ErrorCode::dependency_failed,
                 .detail = fmt::format("job {}, which it runs after, {}", to_hex(ended.id), ending_text(ended))});
      }
    }
  }
  told_.clear();
}

void Core::write_timing(Job& job) {
  if (!is_timed(job.spec)) return;
  TimingRecord record{.clock = options_.clock,
                      .written_ms = now_ms(),
                      .starts_ms = ms_of(job.starts),
                      .deadline_ms = ms_of(job.deadline),
                      .forgotten_ms = job.has_ended() && job.spec.ttl > 0ms ? ms_of(job.forgotten_at) : 0,
                      .awaits = {job.awaits.begin(), job.awaits.end()}};
  const bool needed = record.starts_ms > 0 || record.deadline_ms > 0 || record.forgotten_ms > 0 || !record.awaits.empty();
  const RecordKey key{.kind = RecordKind::timing, .owner = job.id.value};
  if (needed) write(key, std::move(record));
  if (!needed && job.timing_stored) erase(key);
  job.timing_stored = needed;
  if (needed && !job.checkpointed) set_checkpoint(job);
}

void Core::set_checkpoint(Job& job) {
  auto next = Instant::max();
  if (job.starts) next = std::min(next, *job.starts);
  if (job.deadline) next = std::min(next, *job.deadline);
  if (job.has_ended()) next = std::min(next, job.forgotten_at);
  if (next == Instant::max()) return;
  const auto left = std::chrono::duration_cast<Millis>(next - now_);
  job.checkpointed = true;
  timers_.set(
      {.due = now_ + std::clamp(left / kCheckpointShare, kMinCheckpoint, kMaxCheckpoint), .kind = TimerKind::timing, .id = job.id.value});
}

void Core::restore_timing(Job& job, const TimingRecord& record) {
  const bool same_clock = record.clock != 0 && record.clock == options_.clock && record.written_ms <= now_ms();
  const auto here = [&](std::uint64_t ms) -> std::optional<Instant> {
    if (ms == 0) return std::nullopt;
    if (same_clock) return Instant(Millis(ms));
    return now_ + Millis(ms - std::min(ms, record.written_ms));
  };
  job.timing_stored = true;
  job.starts = here(record.starts_ms);
  job.deadline = here(record.deadline_ms);
  job.awaits = {record.awaits.begin(), record.awaits.end()};
  job.held = !job.has_ended() && (job.starts || !job.awaits.empty());
  if (const auto kept = here(record.forgotten_ms)) job.forgotten_at = *kept;
  if (job.starts) timers_.set({.due = *job.starts, .kind = TimerKind::start, .id = job.id.value});
  if (job.deadline) timers_.set({.due = *job.deadline, .kind = TimerKind::deadline, .id = job.id.value});
  set_checkpoint(job);
}

void Core::restore_dependencies(Job& job) {
  const auto awaited = job.awaits;
  for (const auto id : awaited) {
    const auto found = jobs_.find(id);
    // A job is told in the commit in which the one before it ends, so one that is gone was never heard of again.
    if (found == jobs_.end()) {
      return end_job(job, JobState::failed,
                     {.code = ErrorCode::dependency_failed, .detail = fmt::format("job {}, which it runs after, is gone", to_hex(id))});
    }
    found->second->dependents.insert(job.id);
    if (found->second->has_ended()) told_.push_back(id);
  }
}

}  // namespace sublet::broker
