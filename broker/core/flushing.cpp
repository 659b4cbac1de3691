#include <utility>

#include "broker/core/core.hpp"

namespace sublet::broker {

void Core::flush() {
  // Ends first: what a job drops must not be granted. Ending marks no job that is not marked already.
  for (std::size_t index = 0; index < changed_jobs_.size(); ++index) end_if_finished(*changed_jobs_[index]);
  tell_dependents();
  const auto granting = touched_pools_;
  for (auto* pool : granting) grant_work(*pool);
  want_sessions();
  // A job that no card can hold ends only now.
  tell_dependents();
  tell_need();
  trim_ended();
  for (const auto& [job, id] : std::exchange(changed_batches_, {})) flush_batch(*job, id);
  for (auto* job : std::exchange(changed_jobs_, {})) flush_job(*job);
  for (const auto id : std::exchange(forgotten_, {})) {
    if (const auto found = jobs_.find(id); found != jobs_.end()) forget_job(*found->second);
  }
  if (!torn_.empty()) retire_pools();
  // Last, when all the room there is has been made.
  fetch_waiting();
}

void Core::flush_batch(Job& job, BatchId id) {
  const auto at = job.batches.find(id);
  auto& batch = at->second;
  batch.dirty = false;
  const RecordKey key{.kind = RecordKind::batch, .owner = job.id.value, .item = id.value};
  const RecordKey runs{.kind = RecordKind::runs, .owner = key.owner, .item = key.item};
  const RecordKey payload{.kind = RecordKind::payload, .owner = key.owner, .item = key.item};
  if (batch.unfinished() == 0) {
    if (batch.stored) {
      erase(key);
      if (batch.bytes() > 0) erase(payload);
    }
    if (batch.runs_stored) erase(runs);
    job.queue->stored_bytes -= batch.bytes();
    forget_paging(job, batch);
    job.queue->stored_chunks -= batch.count();
    job.batches.erase(at);
    return;
  }
  if (!std::exchange(batch.stored, true)) {
    write(key, batch.record());
    if (!batch.payload().empty()) write(payload, batch.payload());
  }
  const auto& first = batch.runs().front().record;
  const bool pristine = batch.runs().size() == 1 && first == RunRecord{.count = first.count};
  if (pristine && !batch.runs_stored) return;
  batch.runs_stored = true;
  write(runs, batch.runs_record());
}

void Core::flush_job(Job& job) {
  job.dirty = false;
  count_kept(job);
  // Grants and reads move nothing that is kept.
  if (job.progress != job.written) {
    write({.kind = RecordKind::progress, .owner = job.id.value}, job.progress);
    job.written = job.progress;
  }
  if (std::exchange(job.readable, false)) pump(job);
  if (!std::exchange(job.moved, false)) return;
  if (job.watchers.empty()) return;
  job.watchers.job_moved();
  tell_watchers(job);
}

}  // namespace sublet::broker
