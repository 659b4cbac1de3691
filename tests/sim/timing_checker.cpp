#include "tests/sim/timing_checker.hpp"

#include <algorithm>

#include <fmt/format.h>

namespace sublet::sim {
namespace {

using broker::RecordKind;

/// A broker's clock may run so much slower or faster than time passes, and what it stores of a moment is cut to milliseconds.
Nanos at_least(Millis asked) { return Nanos(asked) * 99 / 100 - 20ms; }
Nanos at_most(Millis asked) { return Nanos(asked) * 101 / 100 + 20ms; }

/// From a record that another clock wrote.
Millis left_of(std::uint64_t until_ms, std::uint64_t written_ms) { return Millis(until_ms - std::min(until_ms, written_ms)); }

}  // namespace

void TimingChecker::decided(const broker::Step& step) {
  for (const auto& [key, value] : step.writes) {
    const JobId id{.value = key.owner};
    if (const auto* record = std::get_if<broker::JobRecord>(&value)) {
      jobs_[id] = {.spec = record->spec, .opened = now(), .ends_by = now() + at_most(record->spec.deadline), .ended = {}};
    }
    const auto* progress = std::get_if<broker::ProgressRecord>(&value);
    const auto job = jobs_.find(id);
    if (progress != nullptr && has_ended(progress->state) && job != jobs_.end() && !job->second.ended) job->second.ended = now();
  }
  for (const auto& send : step.sends) {
    if (const auto* run = std::get_if<wire::Run>(&send.message)) check_run(*run);
  }
}

void TimingChecker::check_run(const wire::Run& run) const {
  const auto found = jobs_.find(run.job);
  if (found == jobs_.end()) return;
  const auto& job = found->second;
  if (job.spec.delay > 0ms && now() < job.opened + at_least(job.spec.delay)) {
    throw Violation(fmt::format("a job with a delay runs nothing before: it was opened {} ms ago and is delayed by {} ms",
                                (now() - job.opened) / 1ms, job.spec.delay.count()));
  }
  if (job.spec.deadline > 0ms && now() > job.ends_by) {
    throw Violation(fmt::format("a deadline ends its job: {} ms after it something runs", (now() - job.ends_by) / 1ms));
  }
}

void TimingChecker::committed(const Disk& disk, const broker::Commit& commit) {
  for (const auto& [key, value] : commit.writes) {
    const auto found = jobs_.find({.value = key.owner});
    if (found == jobs_.end() || (key.kind != RecordKind::progress && key.kind != RecordKind::job)) continue;
    auto& job = found->second;
    if (const auto* progress = std::get_if<broker::ProgressRecord>(&value)) {
      check_end(disk, job, *progress);
      job.state = progress->state;
    } else if (key.kind == RecordKind::job && std::holds_alternative<broker::Erase>(value)) {
      check_forgotten(job);
    }
  }
}

void TimingChecker::check_end(const Disk& disk, const Seen& job, const broker::ProgressRecord& progress) const {
  if (progress.state != JobState::failed) return;
  if (progress.error == ErrorCode::deadline_exceeded && (job.spec.deadline == 0ms || now() < job.opened + at_least(job.spec.deadline))) {
    throw Violation(fmt::format("no job ends before its deadline: it has {} ms and ended after {} ms", job.spec.deadline.count(),
                                (now() - job.opened) / 1ms));
  }
  const auto went_wrong = [&](JobId id) { return state_of(disk, id) != JobState::done; };
  if (progress.error == ErrorCode::dependency_failed && (job.spec.after_any || std::ranges::none_of(job.spec.after, went_wrong))) {
    throw Violation("a job fails by another only when that ended otherwise than done: all of them are done");
  }
}

void TimingChecker::check_forgotten(const Seen& job) const {
  // Outputs that nobody takes may cost a job the rest of its time where they have little room.
  const bool has_room = simulation_.plan.rules.output_budget_bytes.count == broker::BrokerOptions{}.output_budget_bytes.count;
  if (job.spec.ttl == 0ms || !job.ended || !has_room || now() >= *job.ended + at_least(job.spec.ttl)) return;
  throw Violation(fmt::format("an ended job is kept for its TTL: it has {} ms and is gone after {} ms", job.spec.ttl.count(),
                              (now() - *job.ended) / 1ms));
}

void TimingChecker::loaded(const Disk& disk) {
  for (const auto& [key, value] : disk.records()) {
    const auto* record = std::get_if<broker::TimingRecord>(&value);
    const auto job = jobs_.find({.value = key.owner});
    if (record == nullptr || record->deadline_ms == 0 || job == jobs_.end()) continue;
    // By another clock no time has passed since it was written.
    job->second.ends_by = std::max(job->second.ends_by, now() + at_most(left_of(record->deadline_ms, record->written_ms)));
  }
}

void TimingChecker::leaves(const Disk& disk, const wire::Run& run) const {
  const auto found = jobs_.find(run.job);
  if (found == jobs_.end()) return;
  const auto& spec = found->second.spec;
  for (const auto before : spec.after) {
    const auto state = state_of(disk, before);
    if (state == JobState::done || (spec.after_any && has_ended(state))) continue;
    throw Violation(fmt::format("a job runs nothing before those it runs after have ended: one of them is {}", static_cast<int>(state)));
  }
}

/// Of a job that is forgotten: as it was stored last.
JobState TimingChecker::state_of(const Disk& disk, JobId job) const {
  const auto* progress = disk.find<broker::ProgressRecord>({.kind = RecordKind::progress, .owner = job.value});
  if (progress != nullptr) return progress->state;
  const auto seen = jobs_.find(job);
  return seen == jobs_.end() ? JobState::open : seen->second.state;
}

}  // namespace sublet::sim
