#include <algorithm>
#include <utility>

#include <fmt/format.h>

#include "broker/core/core.hpp"

namespace sublet::broker {
namespace {

/// Grants of before that are gone from the store may still be with a worker; ids that many later, and by a random bit more, never meet
/// them.
constexpr std::uint64_t kGrantGap = 1ULL << 32U;
constexpr unsigned kGrantSpreadShift = 24;

using Records = std::map<RecordKey, RecordValue>;

template <class T>
const T* find_record(const Records& records, const RecordKey& key) {
  const auto found = records.find(key);
  return found == records.end() ? nullptr : std::get_if<T>(&found->second);
}

/// The records of one kind, of one owner when given.
auto range_of(const Records& records, RecordKind kind, std::optional<std::uint64_t> owner = std::nullopt) {
  const RecordKey from{.kind = kind, .owner = owner.value_or(0)};
  auto first = records.lower_bound(from);
  auto last =
      records.upper_bound({.kind = kind, .owner = owner.value_or(~0ULL), .item = ~0ULL, .hash = {.words = {~0ULL, ~0ULL, ~0ULL, ~0ULL}}});
  return std::ranges::subrange(first, last);
}

Instant instant_of(std::uint64_t ms) { return Instant(Millis(ms)); }

}  // namespace

/// Rebuilds the core from records. What was counted is counted again, so nothing depends on two records agreeing.
struct Core::Restoring {
  Core& core;
  const Records& records;

  Result<void> run() {
    for (const auto& [key, value] : range_of(records, RecordKind::queue)) {
      if (const auto* queue = std::get_if<QueueRecord>(&value)) core.queue_named(queue->name).paused = queue->paused;
    }
    for (const auto& [key, value] : range_of(records, RecordKind::job)) {
      const auto* record = std::get_if<JobRecord>(&value);
      if (record == nullptr) return fail(ErrorCode::store_unavailable, fmt::format("the record of job {} is no job", to_hex(key.owner)));
      if (auto restored = job(*record); !restored) return restored;
    }
    for (auto& [number, job] : core.jobs_by_number_) {
      if (job->has_ended()) core.keep_ended(*job);
      if (job->held) core.restore_dependencies(*job);
    }
    for (const auto& [key, value] : range_of(records, RecordKind::lease)) {
      if (const auto* record = std::get_if<LeaseRecord>(&value)) lease(*record);
    }
    for (const auto& [key, value] : range_of(records, RecordKind::grant)) {
      if (const auto* record = std::get_if<GrantRecord>(&value)) grant(*record);
    }
    for (auto& [id, owned] : core.jobs_) return_ungranted(*owned);
    for (auto& [name, queue] : core.queues_) core.count_output_bytes(queue, 0);
    bundles_without_jobs();
    core.last_grant_ += kGrantGap + (core.random_.next() >> kGrantSpreadShift);
    return {};
  }

  Result<void> job(const JobRecord& record) {
    auto owned = std::make_unique<Job>();
    auto& job = *owned;
    job.id = record.id;
    job.number = record.number;
    job.spec = record.spec;
    job.need = {.least = {record.lease_bytes}, .further_lane = {record.lane_bytes}};
    job.origin = record.origin;
    job.opened = std::min(instant_of(record.opened_ms), core.now_);
    job.touched = core.now_;
    if (const auto* progress = find_record<ProgressRecord>(records, {.kind = RecordKind::progress, .owner = job.id.value})) {
      job.progress = *progress;
      job.written = *progress;
    }
    job.queue = &core.queue_named(job.spec.queue);
    if (!job.spec.idempotency_key.empty()) job.queue->keys.emplace(job.spec.idempotency_key, job.id);
    core.last_job_ = std::max(core.last_job_, job.number);
    for (const auto& [key, value] : range_of(records, RecordKind::accepted, job.id.value)) {
      if (const auto* ids = std::get_if<AcceptedRecord>(&value)) job.ids.insert({.first = key.item, .count = ids->last - key.item + 1});
    }
    outputs(job);
    job.forgotten_at = core.now_ + core.options_.ended_jobs_age;
    if (const auto* timing = find_record<TimingRecord>(records, {.kind = RecordKind::timing, .owner = job.id.value})) {
      core.restore_timing(job, *timing);
    }
    core.timers_.set({.due = core.now_ + job.spec.open_timeout, .kind = TimerKind::job, .id = job.id.value});
    core.jobs_by_number_.emplace(job.number, &job);
    core.jobs_.emplace(job.id, std::move(owned));
    if (job.has_ended()) {
      core.timers_.set({.due = job.forgotten_at, .kind = TimerKind::retained, .id = job.id.value});
      return dead(job);
    }
    const auto* bundle = find_record<Blob>(records, {.kind = RecordKind::bundle, .hash = job.spec.pipeline});
    if (bundle == nullptr) {
      return fail(ErrorCode::store_unavailable, fmt::format("job {} names a bundle that the store does not hold", to_hex(job.id)));
    }
    ++job.queue->live_jobs;
    core.enter_bucket(job, core.pool_of(job.spec.pipeline, *bundle));
    if (auto restored = dead(job); !restored) return restored;
    return batches(job);
  }

  Result<void> dead(Job& job) {
    auto range = range_of(records, RecordKind::dead, job.id.value);
    // They may be run again by the pipeline they died in, so its bundle is held.
    const auto* bundle = find_record<Blob>(records, {.kind = RecordKind::bundle, .hash = job.spec.pipeline});
    if (!range.empty() && bundle != nullptr) core.pool_of(job.spec.pipeline, *bundle);
    for (const auto& [key, value] : range) {
      const auto* record = std::get_if<SharedDead>(&value);
      if (record == nullptr) return fail(ErrorCode::store_unavailable, fmt::format("a dead record of job {} is none", to_hex(job.id)));
      const auto* bytes = find_record<Blob>(records, {.kind = RecordKind::dead_bytes, .owner = key.owner, .item = key.item});
      core.restore_dead(job, key.item, {.record = *record, .payload = bytes == nullptr ? Blob() : *bytes});
    }
    return {};
  }

  void outputs(Job& job) {
    auto range = range_of(records, RecordKind::output, job.id.value);
    auto before = job.progress.last_output;
    if (!range.empty()) before.value = range.front().first.item - 1;
    job.log.restore(job.progress.taken, before);
    for (const auto& [key, value] : range) {
      const auto* output = std::get_if<SharedOutput>(&value);
      if (output == nullptr) continue;
      const auto* bytes = find_record<Blob>(records, {.kind = RecordKind::output_bytes, .owner = key.owner, .item = key.item});
      job.log.append(*output, bytes == nullptr ? Blob() : *bytes);
    }
    job.queue->output_bytes += job.log.bytes();
    core.count_events(job);
  }

  Result<void> batches(Job& job) {
    for (const auto& [key, value] : range_of(records, RecordKind::batch, job.id.value)) {
      const auto* record = std::get_if<SharedBatch>(&value);
      if (record == nullptr) return fail(ErrorCode::store_unavailable, fmt::format("a batch record of job {} is none", to_hex(job.id)));
      const auto* payload = find_record<Blob>(records, {.kind = RecordKind::payload, .owner = key.owner, .item = key.item});
      const auto* runs = find_record<RunsRecord>(records, {.kind = RecordKind::runs, .owner = key.owner, .item = key.item});
      const BatchId id{.value = key.item};
      const auto bytes = payload == nullptr ? Blob() : *payload;
      auto& batch = job.batches.emplace(id, runs == nullptr ? Batch(id, *record, bytes) : Batch(id, *record, bytes, *runs)).first->second;
      batch.accepted_at = core.now_;
      batch.stored = true;
      batch.runs_stored = runs != nullptr;
      job.queue->stored_bytes += batch.bytes();
      job.queue->stored_chunks += batch.count();
      batch.stands_at = std::exchange(job.next_position, job.next_position + batch.bytes());
      if (batch.is_resident()) {
        core.resident_bytes_ += batch.bytes();
      } else {
        job.away.insert(id);
      }
      wait(job, batch);
      count(job, batch);
    }
    core.place_in_index(job);
    core.fetch_ahead(job);
    return {};
  }

  void count(Job& job, Batch& batch) {
    std::uint64_t ready = 0;
    for (const auto& run : batch.runs()) {
      const auto state = run.record.state;
      if (state > ChunkState::leased) continue;
      job.count(state) += run.record.count;
      job.queue->counts[static_cast<std::size_t>(state)] += run.record.count;
      if (state == ChunkState::ready) ready += run.record.count;
      if (state != ChunkState::ready || !run.alone()) continue;
      for (auto position = run.begin; position < run.end(); ++position) job.alone.emplace(batch.id(), position);
    }
    if (batch.ready() > 0) job.ready_batches.insert(batch.id());
    core.count_ready(job, static_cast<std::int64_t>(ready));
    job.bucket->size->pool->touch();
  }

  /// Another clock may be far ahead or behind; no wait is longer than the policy's longest, and what is due is said by this clock from now
  /// on.
  void wait(const Job& job, Batch& batch) {
    const auto longest = core.now_ms() + static_cast<std::uint64_t>((job.spec.retry.max_backoff + job.spec.retry.max_backoff / 2).count());
    for (std::uint32_t position = 0; position < batch.count();) {
      auto run = batch.run_at(position);
      position = run.end();
      if (run.record.state != ChunkState::waiting) continue;
      run.record.ref = std::min(run.record.ref, longest);
      batch.assign(run.begin, run.record);
      core.timers_.set({.due = Instant(Millis(run.record.ref)),
                        .kind = TimerKind::retry,
                        .id = job.id.value,
                        .batch = batch.id().value,
                        .begin = run.begin});
    }
  }

  void lease(const LeaseRecord& record) {
    const auto pool = core.pools_.find(record.pipeline);
    const auto* bundle = find_record<Blob>(records, {.kind = RecordKind::bundle, .hash = record.pipeline});
    if (pool == core.pools_.end() && bundle == nullptr) return;
    auto& home = core.pool_of(record.pipeline, bundle == nullptr ? Blob() : *bundle);
    const SizeKey key{.tenant = core.tenant_named(record.tenant).number,
                      .isolation = record.isolation,
                      .host = record.host,
                      .max_chunk_bytes = record.max_chunk_bytes};
    auto& size = core.size_of(home, key);
    auto& worker = core.workers_[record.instance];
    if (!worker) worker = std::make_unique<Worker>(Worker{.instance = record.instance, .connected = core.now_});
    auto owned = std::make_unique<Lease>();
    auto& lease = *owned;
    lease.id = record.id;
    lease.token = record.token;
    lease.worker = worker.get();
    lease.size = &size;
    lease.bytes = record.bytes;
    lease.deadline = core.now_ + core.options_.lease_ttl + core.options_.lease_margin;
    lease.idle_since = core.now_;
    lease.up = record.up;
    lease.up_since = core.now_;
    lease.window_chunks = record.window_chunks;
    lease.window_bytes = record.window_bytes;
    lease.got = record.got;
    worker->leases.push_back(&lease);
    size.leases.emplace(lease.id, &lease);
    ++home.leases;
    ++size.tenant->leases;
    core.timers_.set({.due = lease.deadline, .kind = TimerKind::lease, .id = lease.id.value});
    core.write_lease(lease);
    core.leases_.emplace(lease.id, std::move(owned));
  }

  void grant(const GrantRecord& record) {
    core.last_grant_ = std::max(core.last_grant_, record.id.value);
    auto* lease = core.find_lease(record.lease);
    const auto job = core.jobs_.find(record.job);
    if (lease == nullptr || job == core.jobs_.end() || job->second->has_ended()) return;
    Grant grant{.id = record.id, .token = record.token, .job = record.job, .parts = record.parts, .sent = core.now_, .alone = record.alone};
    for (const auto& part : record.parts) {
      const auto batch = job->second->batches.find(part.batch);
      if (batch == job->second->batches.end()) return;
      grant.chunks += part.count;
      grant.bytes += batch->second.bytes_of(part.begin, part.count);
    }
    if (lease->grants.empty()) ++lease->size->busy;
    lease->out_chunks += grant.chunks;
    lease->out_bytes += grant.bytes;
    lease->running_alone = lease->running_alone || grant.alone;
    lease->worker->leased_chunks += grant.chunks;
    job->second->sessions.insert(lease->id);
    lease->grants.push_back(std::move(grant));
  }

  /// A leased run whose grant did not survive is ready again.
  void return_ungranted(Job& job) {
    if (job.leased == 0) return;
    std::set<std::uint64_t> granted;
    for (const auto id : job.sessions) {
      for (const auto& grant : core.find_lease(id)->grants) granted.insert(grant.id.value);
    }
    for (auto& [id, batch] : job.batches) {
      for (std::uint32_t position = 0; position < batch.count();) {
        auto run = batch.run_at(position);
        position = run.end();
        if (run.record.state != ChunkState::leased || granted.contains(run.record.ref)) continue;
        run.record.state = ChunkState::ready;
        run.record.ref = 0;
        core.change(job, batch, run.begin, run.record);
      }
    }
  }

  void bundles_without_jobs() {
    for (const auto& [key, value] : range_of(records, RecordKind::bundle)) {
      const auto* bundle = std::get_if<Blob>(&value);
      if (bundle != nullptr) core.pool_of(key.hash, *bundle).touch();
    }
  }
};

Result<void> Core::restore(std::map<RecordKey, RecordValue> records, Instant now) {
  now_ = now;
  const Restoring restoring{.core = *this, .records = records};
  auto restored = Restoring(restoring).run();
  // The bundles are in the store already; what else changed is written by the first step.
  std::erase_if(step_.writes, [](const Write& write) { return write.key.kind == RecordKind::bundle; });
  return restored;
}

}  // namespace sublet::broker
