#include <algorithm>
#include <ranges>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "broker/core/core.hpp"
#include "common/job_text.hpp"
#include "common/pipeline/pipeline.hpp"
#include "common/wire/bundle.hpp"

namespace sublet::broker {
namespace {

/// What a lease takes for the bundle in `payload`, which has to be the one that `spec` names.
Result<LeaseNeed> size_lease(const JobSpec& spec, ByteView payload) {
  if (wire::content_hash(payload) != spec.pipeline) {
    return fail(ErrorCode::bad_pipeline, "the bundle's bytes do not hash to the pipeline the job names; send the bundle that was hashed");
  }
  const auto bundle = wire::decode_bundle(payload);
  if (!bundle) return std::unexpected(bundle.error());
  if (auto valid = validate(bundle->pipeline); !valid) return std::unexpected(valid.error());
  return lease_need(*bundle, spec.max_chunk_bytes);
}

/// Whether jobs of `queue` may be opened here.
Result<void> check_shard(const BrokerOptions& options, const std::string& queue) {
  const auto shards = shards_of(options.layout, queue);
  if (std::ranges::find(shards, options.shard) != shards.end()) return {};
  return fail(ErrorCode::bad_argument,
              fmt::format("queue \"{}\" is not in shard {} but in {}; open the job there", queue, options.shard, fmt::join(shards, ", ")));
}

Result<void> check_durability(const StoreInfo& store, Durability asked) {
  if (asked <= store.durability) return {};
  const auto* const remedy = store.durability == Durability::none ? "keep jobs in a Redis with an append-only file (--store redis://...)"
                             : asked == Durability::fsync         ? "set it there: CONFIG SET appendfsync always"
                             : asked == Durability::replicated    ? "start its brokers with --require-durability replicated"
                                                                  : "start its brokers with --require-durability";
  return fail(ErrorCode::bad_argument, fmt::format("the job asks for durability \"{}\" and store {} gives \"{}\"; {}, or ask for less",
                                                   to_text(asked), store.name, to_text(store.durability), remedy));
}

SizeKey key_of(const JobSpec& spec, const Tenant& tenant) {
  return {.tenant = tenant.number, .isolation = spec.isolation, .host = spec.host, .max_chunk_bytes = spec.max_chunk_bytes};
}

}  // namespace

Core::Handled Core::on(Request request, wire::Open& message) {
  if (auto valid = check_spec(message.spec, options_.max_chunk_bytes); !valid) return valid;
  if (auto* known = job_of_key(message.spec)) return resume(request, *known, message.spec);
  const auto job = open_job(std::move(message.spec), request.payload, {});
  if (!job) return std::unexpected(job.error());
  reply(request, wire::Opened{.job = (*job)->id});
  return {};
}

Job* Core::job_of_key(const JobSpec& spec) {
  const auto queue = queues_.find(spec.queue);
  if (queue == queues_.end() || spec.idempotency_key.empty()) return nullptr;
  const auto key = queue->second.keys.find(spec.idempotency_key);
  return key == queue->second.keys.end() ? nullptr : jobs_.at(key->second).get();
}

Result<Job*> Core::open_job(JobSpec spec, const Blob& bundle, JobId origin) {
  if (auto here = check_shard(options_, spec.queue); !here) return std::unexpected(std::move(here.error()));
  if (auto kept = check_durability(store_, spec.durability); !kept) return std::unexpected(std::move(kept.error()));
  if (auto offered = check_isolation(spec); !offered) return std::unexpected(std::move(offered.error()));
  auto awaited = find_awaited(spec);
  if (!awaited) return std::unexpected(std::move(awaited.error()));
  const auto lease_size = admit_bundle(spec, bundle);
  if (!lease_size) return std::unexpected(lease_size.error());

  auto owned = std::make_unique<Job>();
  auto& job = *owned;
  do {
    job.id = job_id(options_.shard, random_.next());
  } while (job.id.value == 0 || jobs_.contains(job.id));
  job.number = ++last_job_;
  job.spec = std::move(spec);
  job.need = *lease_size;
  job.origin = origin;
  job.opened = job.touched = now_;
  jobs_.emplace(job.id, std::move(owned));
  jobs_by_number_.emplace(job.number, &job);
  job.queue = &queue_named(job.spec.queue);
  ++job.queue->live_jobs;
  if (!job.spec.idempotency_key.empty()) job.queue->keys.emplace(job.spec.idempotency_key, job.id);
  enter_bucket(job, pool_of(job.spec.pipeline, bundle));
  timers_.set({.due = now_ + job.spec.open_timeout, .kind = TimerKind::job, .id = job.id.value});
  write({.kind = RecordKind::job, .owner = job.id.value}, JobRecord{.id = job.id,
                                                                    .spec = job.spec,
                                                                    .number = job.number,
                                                                    .lease_bytes = job.need.least.count,
                                                                    .lane_bytes = job.need.further_lane.count,
                                                                    .opened_ms = now_ms(),
                                                                    .origin = origin});
  begin_timing(job, std::move(*awaited));
  mark(job);
  return &job;
}

/// Without any worker chunks wait for one, and nobody knows what it will have. Jobs that are there wait for theirs to come back.
Result<void> Core::check_isolation(const JobSpec& spec) const {
  const auto has_mps = [](const auto& worker) { return worker.second->mps; };
  if (spec.isolation != Isolation::mps || cards_.largest() == 0 || std::ranges::any_of(workers_, has_mps)) return {};
  return fail(ErrorCode::bad_argument,
              fmt::format("the job asks for isolation \"{}\" and none of the {} workers has an MPS daemon on its host; start "
                          "nvidia-cuda-mps-control -d beside a worker with a card, or ask for tenant or process",
                          to_text(spec.isolation), workers_.size()));
}

Core::Handled Core::resume(Request request, Job& job, const JobSpec& spec) {
  auto asked = spec;
  // Said as a time of day it is another delay each time it is asked for; the first one stands.
  asked.delay = job.spec.delay;
  if (job.spec != asked) {
    return fail(ErrorCode::job_conflict, fmt::format("the idempotency key \"{}\" belongs to job {}, which differs in {}; use another key",
                                                     job.spec.idempotency_key, to_hex(job.id), difference_of(job.spec, asked)));
  }
  touch(job);
  reply(request, wire::Opened{.job = job.id, .resumed = true, .accepted = job.progress.accepted, .taken = job.log.taken()});
  return {};
}

Result<LeaseNeed> Core::admit_bundle(const JobSpec& spec, const Blob& bundle) {
  const auto pool = pools_.find(spec.pipeline);
  // Bytes that were checked before need no second look; comparing them is far cheaper than hashing.
  const auto tenant = tenants_.find(spec.tenant);
  if (pool != pools_.end() && tenant != tenants_.end() && std::ranges::equal(pool->second.bundle.view(), bundle.view())) {
    const auto size = pool->second.sizes.find(key_of(spec, tenant->second));
    if (size != pool->second.sizes.end() && size->second.is_sized) return size->second.need;
  }
  return size_lease(spec, bundle.view());
}

Queue& Core::queue_named(const std::string& name) {
  auto& queue = queues_[name];
  if (queue.name.empty()) queue.name = name;
  return queue;
}

Pool& Core::pool_of(const ContentHash& pipeline, const Blob& bundle) {
  auto& pool = pools_[pipeline];
  if (pool.number == 0) {
    pool.number = ++last_pool_;
    pool.pipeline = pipeline;
    pool.bundle = bundle;
    pool.touched_pools = &touched_pools_;
    pools_by_number_.emplace(pool.number, &pool);
    write({.kind = RecordKind::bundle, .hash = pipeline}, bundle);
  }
  return pool;
}

Tenant& Core::tenant_named(const std::string& name) {
  auto& tenant = tenants_[name];
  if (tenant.number == 0) {
    const auto weight = options_.weights.find(name);
    tenant = {
        .number = ++last_tenant_, .name = name, .weight = weight == options_.weights.end() ? 1 : weight->second, .clock = &tenants_clock_};
  }
  return tenant;
}

SizeClass& Core::size_of(Pool& pool, const SizeKey& key) {
  auto& size = pool.sizes[key];
  if (size.pool == nullptr) {
    size.pool = &pool;
    size.key = key;
    size.tenant = &*std::ranges::find(tenants_ | std::views::values, key.tenant, &Tenant::number);
    ++size.tenant->sizes;
  }
  return size;
}

void Core::enter_bucket(Job& job, Pool& pool) {
  auto& size = size_of(pool, key_of(job.spec, tenant_named(job.spec.tenant)));
  size.need = job.need;
  size.is_sized = true;
  size.jobs.emplace(job.id, &job);
  ++pool.live_jobs;
  auto& bucket = size.buckets[{job.queue, job.spec.priority}];
  if (!bucket) {
    bucket = std::make_unique<Bucket>(Bucket{.queue = job.queue, .size = &size, .priority = job.spec.priority});
    job.queue->buckets.push_back(bucket.get());
  }
  job.bucket = bucket.get();
}

Result<Job*> Core::find_job(JobId id) {
  const auto found = jobs_.find(id);
  if (found == jobs_.end()) {
    return fail(ErrorCode::not_found, fmt::format("no job {}; it was never opened here, or it ended and was forgotten", to_hex(id)));
  }
  return found->second.get();
}

}  // namespace sublet::broker
