#include <algorithm>
#include <utility>

#include <fmt/format.h>

#include "broker/core/core.hpp"
#include "common/job_text.hpp"

namespace sublet::broker {
namespace {

/// Errors of a session that did not come up that will be the same on every card.
bool is_permanent(ErrorCode code) {
  switch (code) {
    case ErrorCode::load_failed:
    case ErrorCode::launch_failed:
    case ErrorCode::alloc_failed_quota:
    case ErrorCode::bad_pipeline:
    case ErrorCode::bad_size:
    case ErrorCode::out_of_range:
    case ErrorCode::output_too_large:
    case ErrorCode::chunk_too_large:
      return true;
    default:
      return false;
  }
}

Error named(const Pool& pool, const wire::Release& message) {
  return {.code = message.code,
          .detail = message.detail.empty() ? fmt::format("no session of pipeline {} comes up; check it with `sublet pipeline check`",
                                                         to_hex(pool.pipeline.words[0]))
                                           : message.detail};
}

std::uint64_t ms_of(Instant at) { return static_cast<std::uint64_t>(std::chrono::duration_cast<Millis>(at.time_since_epoch()).count()); }

/// The session died, rather than being given back: what it held may be why.
bool is_crash(ErrorCode code) {
  return code == ErrorCode::session_lost || code == ErrorCode::kernel_timeout || code == ErrorCode::sync_failed;
}

}  // namespace

Lease* Core::find_lease(LeaseId id) {
  const auto found = leases_.find(id);
  return found == leases_.end() ? nullptr : found->second.get();
}

Core::Handled Core::on(Request, Worker& worker, wire::Offer& message) {
  cards_.offer(worker.instance, message);
  worker.mps = message.mps;
  capacity_changed_ = true;
  return {};
}

Core::Handled Core::on(Request, Worker& worker, wire::Window& message) {
  auto* lease = find_lease(message.lease);
  // A lease that has ended meanwhile: RENEWED will tell the worker.
  if (lease == nullptr || lease->worker != &worker) return {};
  if (const auto asked = lease->size->key.isolation; !satisfies(message.isolation, asked)) {
    return fail(ErrorCode::protocol_error, fmt::format("lease {} asks for isolation \"{}\" and got \"{}\"; release it instead",
                                                       to_hex(lease->id), to_text(asked), to_text(message.isolation)));
  }
  if (!std::exchange(lease->up, true)) {
    lease->up_since = now_;
    lease->idle_since = now_;
    // Its holder counts from when LEASE came. That was before it sent this, so it gives up before this deadline, however long LEASE took.
    lease->deadline = now_ + options_.lease_ttl + options_.lease_margin;
  }
  lease->window_chunks = message.chunks;
  lease->window_bytes = message.bytes;
  lease->got = message.isolation;
  write_lease(*lease);
  refresh(*lease);
  lease->size->pool->touch();
  return {};
}

Core::Handled Core::on(Request request, Worker& worker, wire::Renew& message) {
  wire::Renewed renewed;
  for (const auto& held : message.leases) {
    auto* lease = find_lease(held.lease);
    if (lease == nullptr || lease->worker != &worker || lease->token != held.token) continue;
    renew(*lease, held, options_.run_lost_after);
    renewed.leases.push_back({.lease = lease->id, .ttl_ms = static_cast<std::uint32_t>(options_.lease_ttl.count())});
  }
  reply(request, std::move(renewed));
  return {};
}

void Core::renew(Lease& lease, const wire::HeldLease& held, Millis lost_after) {
  lease.deadline = now_ + options_.lease_ttl + options_.lease_margin;
  for (auto index = lease.grants.size(); index-- > 0;) {
    const auto& grant = lease.grants[index];
    if (!grant.sent || *grant.sent + lost_after > now_ || std::ranges::find(held.grants, grant.id.value) != held.grants.end()) continue;
    requeue(grant, Loss::clean);
    forget_grant(lease, index);
  }
  write_lease(lease);
  refresh(lease);
  lease.size->pool->touch();
}

Core::Handled Core::on(Request, Worker& worker, wire::Release& message) {
  auto* lease = find_lease(message.lease);
  if (lease == nullptr || lease->worker != &worker) return {};
  auto& pool = *lease->size->pool;
  const auto error = named(pool, message);
  end_lease(*lease, is_crash(message.code) ? Loss::crashed : Loss::clean);
  if (is_permanent(message.code)) {
    for (auto& [key, size] : pool.sizes) {
      const auto jobs = size.jobs;
      for (const auto& [id, job] : jobs) end_job(*job, JobState::failed, error);
    }
  } else if (message.code != ErrorCode::ok) {
    punish_pool(pool);
  }
  return {};
}

void Core::punish_pool(Pool& pool) {
  pool.backoff = pool.backoff == 0ms ? options_.lease_retry_initial : std::min(pool.backoff * 2, options_.lease_retry_max);
  pool.next_lease = now_ + pool.backoff;
  timers_.set({.due = pool.next_lease, .kind = TimerKind::pool, .id = pool.number});
}

void Core::check_lease(Lease& lease) {
  if (lease.deadline <= now_) {
    ++counts_.expired_leases;
    release_from_here(lease, ErrorCode::lease_expired, "the lease was not renewed in time");
    return;
  }
  const bool idle = lease.up && lease.grants.empty();
  const auto idle_until = (idle ? lease.idle_since : now_) + options_.idle_lease_after;
  if (idle && idle_until <= now_) {
    release_from_here(lease, ErrorCode::ok, "no work for its pipeline");
    return;
  }
  timers_.set({.due = std::min(lease.deadline, idle_until), .kind = TimerKind::lease, .id = lease.id.value});
}

void Core::release_from_here(Lease& lease, ErrorCode code, std::string detail) {
  auto& worker = *lease.worker;
  if (worker.peer != PeerId{}) send(worker.peer, 0, wire::Release{.lease = lease.id, .code = code, .detail = std::move(detail)});
  // All it held may have ended it, when the worker is silent.
  end_lease(lease, code == ErrorCode::lease_expired ? Loss::crashed : Loss::clean);
  drop_worker_if_unused(worker);
}

void Core::end_lease(Lease& lease, Loss loss) {
  set_hungry(lease, false);
  while (!lease.grants.empty()) {
    requeue(lease.grants.back(), loss);
    forget_grant(lease, lease.grants.size() - 1);
  }
  if (const auto reserving = jobs_.find(lease.reserved_for); reserving != jobs_.end()) {
    reserving->second->alone_lease = {};
    place_in_index(*reserving->second);
  }
  auto& pool = *lease.size->pool;
  lease.size->leases.erase(lease.id);
  --pool.leases;
  --lease.size->tenant->leases;
  pool.touch();
  std::erase(lease.worker->leases, &lease);
  erase({.kind = RecordKind::lease, .owner = lease.id.value});
  leases_.erase(lease.id);
}

void Core::write_lease(const Lease& lease) {
  write({.kind = RecordKind::lease, .owner = lease.id.value}, LeaseRecord{.id = lease.id,
                                                                          .token = lease.token,
                                                                          .instance = lease.worker->instance,
                                                                          .pipeline = lease.size->pool->pipeline,
                                                                          .bytes = lease.bytes,
                                                                          .max_chunk_bytes = lease.size->key.max_chunk_bytes,
                                                                          .tenant = lease.size->tenant->name,
                                                                          .isolation = lease.size->key.isolation,
                                                                          .host = lease.size->key.host,
                                                                          .got = lease.got,
                                                                          .up = lease.up,
                                                                          .window_chunks = lease.window_chunks,
                                                                          .window_bytes = lease.window_bytes,
                                                                          .deadline_ms = ms_of(lease.deadline)});
}

}  // namespace sublet::broker
