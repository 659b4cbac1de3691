// Payloads that wait in the store rather than in memory. Only of batches that nothing has touched: whatever was handed out once is at hand
// until it is through.

#include <ranges>
#include <utility>

#include <fmt/format.h>

#include "broker/core/core.hpp"

namespace sublet::broker {
namespace {

/// How much of the payloads in memory may be fetched ahead of the grants, of one job, and beyond what there is room for, of all jobs.
constexpr std::uint64_t kAheadShare = 8;

/// Nothing of it was ever handed out.
bool is_untouched(const Batch& batch) {
  return batch.ready() == batch.count() && batch.runs().front().record == RunRecord{.count = batch.count()};
}

RecordKey payload_key(JobId job, BatchId batch) { return {.kind = RecordKind::payload, .owner = job.value, .item = batch.value}; }

}  // namespace

std::vector<RecordKey> Core::stored(Instant now) {
  for (const auto& [lease_id, grant_id] : std::exchange(leaving_, {})) {
    auto* lease = find_lease(lease_id);
    if (lease == nullptr) continue;
    const auto grant = std::ranges::find(lease->grants, grant_id, &Grant::id);
    if (grant != lease->grants.end()) grant->sent = now;
  }
  // The newest first, so that what stays is what comes next.
  for (const auto& [job_id, batch_id] : std::exchange(fresh_batches_, {}) | std::views::reverse) {
    const auto job = jobs_.find(job_id);
    if (job == jobs_.end() || job->second->has_ended()) continue;
    const auto batch = job->second->batches.find(batch_id);
    if (batch != job->second->batches.end()) page_out(*job->second, batch->second);
  }
  fetch_waiting();
  return std::exchange(step_.fetches, {});
}

void Core::page_out(Job& job, Batch& batch) {
  // What comes behind payloads that are away would keep its place in memory without being of use before them, and what is held is of no
  // use to anybody yet.
  const bool wanted_away = resident_bytes_ > options_.resident_bytes.count || !job.away.empty() || job.held;
  if (!wanted_away || batch.bytes() < options_.least_paged_bytes.count || !batch.is_resident() || !is_untouched(batch)) return;
  // The only work that its bucket has to grant would be fetched at once.
  const bool is_first = batch.id() == *job.ready_batches.begin();
  if (is_first && job.turn != 0 && job.bucket->jobs.size() == 1) return;
  resident_bytes_ -= batch.bytes();
  batch.drop_payload();
  job.away.insert(batch.id());
  place_in_index(job);
}

void Core::fetch_waiting() {
  const auto has_room = [&] { return resident_bytes_ + coming_bytes_ < options_.resident_bytes.count; };
  while (auto* job = has_room() ? fetch_turns_.first() : nullptr) fetch_first(*job);
  while (auto* job = fetch_turns_.first_of_idle()) fetch_first(*job);
}

void Core::fetch_first(Job& job) {
  fetch_turns_.place(job, false);
  fetch(job, *job.away.begin());
  fetch_ahead(job);
}

void Core::fetch_ahead(Job& job) {
  // Jobs that wait for what they need next come before what others need later.
  if (job.held || !fetch_turns_.empty()) return;
  const auto room = options_.resident_bytes.count;
  const auto window = room / kAheadShare;
  while (!job.away.empty()) {
    const auto id = *job.away.begin();
    const auto& first = job.batches.at(*job.ready_batches.begin());
    const bool is_ahead = job.batches.at(id).stands_at < first.stands_at + window && job.coming_bytes < window;
    const bool has_room = resident_bytes_ + coming_bytes_ < room + window;
    if (!is_ahead || !has_room) return;
    fetch(job, id);
  }
}

void Core::fetch(Job& job, BatchId id) {
  const auto bytes = job.batches.at(id).bytes();
  job.away.erase(id);
  job.coming.insert(id);
  job.coming_bytes += bytes;
  coming_bytes_ += bytes;
  fetch_turns_.count_coming(*job.bucket, 1);
  step_.fetches.push_back(payload_key(job.id, id));
}

void Core::take(Fetched& fetched) {
  const auto found = jobs_.find({.value = fetched.key.owner});
  if (found == jobs_.end()) return;
  auto& job = *found->second;
  const BatchId id{.value = fetched.key.item};
  const auto at = job.batches.find(id);
  if (at == job.batches.end() || job.coming.erase(id) == 0) return;
  auto& batch = at->second;
  job.coming_bytes -= batch.bytes();
  coming_bytes_ -= batch.bytes();
  // It ended in this step, and its batches go at the step's end.
  if (job.has_ended()) return;
  fetch_turns_.count_coming(*job.bucket, -1);
  if (!fetched.bytes || fetched.bytes->size() != batch.bytes()) {
    const auto why = fetched.bytes ? fmt::format("the store holds {} bytes of a batch of {}", fetched.bytes->size(), batch.bytes())
                                   : fetched.bytes.error().detail;
    return end_job(job, JobState::failed, {.code = ErrorCode::payload_lost, .detail = why});
  }
  batch.set_payload(std::move(*fetched.bytes));
  resident_bytes_ += batch.bytes();
  place_in_index(job);
  fetch_ahead(job);
  job.bucket->size->pool->touch();
}

void Core::forget_paging(Job& job, const Batch& batch) {
  if (batch.is_resident()) {
    resident_bytes_ -= batch.bytes();
  } else if (job.coming.erase(batch.id()) > 0) {
    job.coming_bytes -= batch.bytes();
    coming_bytes_ -= batch.bytes();
  } else {
    job.away.erase(batch.id());
  }
}

/// Before it leaves its bucket.
void Core::end_paging(Job& job) {
  fetch_turns_.place(job, false);
  fetch_turns_.count_coming(*job.bucket, -static_cast<std::int64_t>(job.coming.size()));
}

}  // namespace sublet::broker
