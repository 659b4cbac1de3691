// Payloads that wait in the store rather than in memory. Only of batches that nothing has touched: whatever was handed out once is at hand
// until it is through.

#include <algorithm>
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

std::vector<RecordKey> Core::stored() {
  for (const auto& [job_id, batch_id] : std::exchange(fresh_batches_, {})) {
    const auto job = jobs_.find(job_id);
    if (job == jobs_.end() || job->second->has_ended()) continue;
    const auto batch = job->second->batches.find(batch_id);
    if (batch != job->second->batches.end()) page_out(*job->second, batch->second);
  }
  return std::exchange(step_.fetches, {});
}

void Core::page_out(Job& job, Batch& batch) {
  // What comes behind payloads that are away would keep their place in memory without being of use before them.
  const bool wanted_away = resident_bytes_ > options_.resident_bytes.count || !job.away.empty();
  if (!wanted_away || batch.bytes() < options_.least_paged_bytes.count || !batch.is_resident() || !is_untouched(batch)) return;
  resident_bytes_ -= batch.bytes();
  batch.drop_payload();
  job.away.insert(batch.id());
  place_in_index(job);
  if (batch.id() == *job.ready_batches.begin()) fetch_ahead(job);
}

void Core::fetch_ahead(Job& job) {
  if (job.held) return;
  const auto room = options_.resident_bytes.count;
  const auto window = room / kAheadShare;
  while (!job.away.empty()) {
    const auto front = *job.ready_batches.begin();
    const auto id = *job.away.begin();
    const auto& batch = job.batches.at(id);
    const bool is_ahead = batch.stands_at < job.batches.at(front).stands_at + window && job.coming_bytes < window;
    const bool has_room = resident_bytes_ + coming_bytes_ < room + window;
    // The first one is fetched however little may be.
    if (id != front && !(is_ahead && has_room)) return;
    job.away.erase(id);
    job.coming.insert(id);
    job.coming_bytes += batch.bytes();
    coming_bytes_ += batch.bytes();
    step_.fetches.push_back(payload_key(job.id, id));
  }
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
  if (!fetched.bytes || fetched.bytes->size() != batch.bytes()) {
    const auto why = fetched.bytes ? fmt::format("the store holds {} bytes of a batch of {}", fetched.bytes->size(), batch.bytes())
                                   : fetched.bytes.error().detail;
    return end_job(job, JobState::failed, {.code = ErrorCode::payload_lost, .detail = why});
  }
  batch.set_payload(std::move(*fetched.bytes));
  resident_bytes_ += batch.bytes();
  place_in_index(job);
  fetch_ahead(job);
  if (job.bucket != nullptr) job.bucket->size->pool->touch();
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

}  // namespace sublet::broker
