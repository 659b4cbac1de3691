#include <algorithm>
#include <ranges>
#include <utility>

#include <fmt/format.h>

#include "broker/core/core.hpp"

namespace sublet::broker {
void Core::want_sessions() {
  auto asking = std::exchange(touched_pools_, {});
  for (auto* pool : asking) pool->touched = false;
  if (std::exchange(capacity_changed_, false)) {
    for (const auto number : starved_) {
      auto* pool = pools_by_number_.at(number);
      if (std::ranges::find(asking, pool) == asking.end()) asking.push_back(pool);
    }
  }
  std::vector<SizeClass*> sizes;
  for (auto* pool : asking) {
    if (std::exchange(pool->starved, false)) starved_.erase(pool->number);
    for (auto& size : pool->sizes | std::views::values | std::views::reverse) {
      if (!size.jobs.empty()) sizes.push_back(&size);
    }
  }
  add_sessions(std::move(sizes));
  for (auto* pool : asking) {
    if (!pool->starved) continue;
    starved_.insert(pool->number);
    fail_unplaceable(*pool);
  }
  take_turns();
  for (auto* pool : asking) drop_unused_sizes(*pool);
}

bool Core::wants_session(const Pool& pool, const Pool::Sum& sum) const {
  if (sum.ready == 0) return false;
  // Sessions that have nothing yet, or are still coming up, take a chunk each.
  if (sum.ready <= sum.idle) return false;
  if (sum.sessions == 0 || pool.micros_per_chunk == 0) return true;
  const auto target = static_cast<double>(options_.session_target.count());
  return static_cast<double>(sum.ready) * pool.micros_per_chunk > static_cast<double>(sum.sessions) * target;
}

/// In rounds, whoever was served least first, so that nobody takes every place: one session for each size, or for each tenant.
void Core::add_sessions(std::vector<SizeClass*> asking) {
  while (!asking.empty()) {
    std::ranges::stable_sort(asking, [](const auto* one, const auto* other) { return is_served_less(*one, *other); });
    const bool one_tenant = asking.front()->tenant == asking.back()->tenant;
    std::set<const Tenant*> served;
    std::erase_if(asking, [&](SizeClass* size) {
      if (!one_tenant && served.contains(size->tenant)) return false;
      const bool added = add_session(*size);
      if (added) served.insert(size->tenant);
      return !added;
    });
  }
}

bool Core::add_session(SizeClass& size) {
  auto& pool = *size.pool;
  if (!wants_session(pool, pool.sum(size.key)) || now_ < pool.next_lease) return false;
  if (place_lease(size)) return true;
  pool.starved = true;
  return false;
}

bool Core::place_lease(SizeClass& size) {
  const auto fits = [&](std::uint64_t instance) {
    const auto& worker = *workers_.at(instance);
    return (size.key.host == Token{} || worker.host == size.key.host) && (size.key.isolation != Isolation::mps || worker.mps);
  };
  const auto place = cards_.take(size.need.least.count, fits);
  if (!place) return false;
  auto owned = std::make_unique<Lease>();
  auto& lease = *owned;
  do {
    lease.id.value = random_.next();
  } while (lease.id.value == 0 || leases_.contains(lease.id));
  lease.token = random_.token();
  lease.worker = workers_.at(place->instance).get();
  lease.size = &size;
  lease.bytes = size.need.least.count + add_lanes(size.need, *place);
  lease.deadline = now_ + options_.lease_ttl + options_.lease_margin;
  leases_.emplace(lease.id, std::move(owned));
  lease.worker->leases.push_back(&lease);
  size.leases.emplace(lease.id, &lease);
  ++size.pool->leases;
  begin_turn(size);
  write_lease(lease);
  timers_.set({.due = std::min(lease.deadline, now_ + options_.idle_lease_after), .kind = TimerKind::lease, .id = lease.id.value});
  send(lease.worker->peer, 0,
       wire::Lease{.lease = lease.id,
                   .token = lease.token,
                   .tenant = size.tenant->name,
                   .card = place->card,
                   .bytes = lease.bytes,
                   .max_chunk_bytes = size.key.max_chunk_bytes,
                   .ttl_ms = static_cast<std::uint32_t>(options_.lease_ttl.count()),
                   .pipeline = size.pool->pipeline,
                   .isolation = size.key.isolation,
                   .by_reference = size.key.host != Token{}});
  return true;
}

/// Widens a slice that was set aside by the lanes that pay there. Returns by how much.
std::uint64_t Core::add_lanes(const LeaseNeed& need, const Cards::Place& place) {
  const auto& card = cards_.at(place);
  const auto slice = slice_for(
      need, {.free = {need.least.count + card.free_bytes}, .sessions = card.free_sessions + 1, .useful = useful_lanes(card.kind)});
  const auto more = slice.count - need.least.count;
  if (more > 0) cards_.set_more_aside(place, more);
  return more;
}

void Core::fail_unplaceable(Pool& pool) {
  const auto largest = cards_.largest();
  // Without any worker, chunks wait for one.
  if (largest == 0) return;
  for (auto& size : pool.sizes | std::views::values) {
    if (size.need.least.count <= largest || size.ready == 0) continue;
    const auto jobs = size.jobs;
    for (auto* job : jobs | std::views::values) {
      end_job(*job, JobState::failed,
              {.code = ErrorCode::no_capacity,
               .detail = fmt::format(
                   "a session needs {} bytes of VRAM and the largest card has {}; use smaller chunks, fewer lanes or a larger card",
                   size.need.least.count, largest)});
    }
  }
}

void Core::check_pool(Pool& pool) {
  const bool unused = pool.live_jobs == 0 && pool.leases == 0 && pool.dead_jobs == 0;
  if (!unused) {
    pool.touch();
    return;
  }
  if (pool.unused_since + options_.bundle_age > now_ || pool.touched) return;
  erase({.kind = RecordKind::bundle, .hash = pool.pipeline});
  pools_by_number_.erase(pool.number);
  starved_.erase(pool.number);
  pools_.erase(ContentHash(pool.pipeline));
}

void Core::drop_unused_sizes(Pool& pool) {
  std::erase_if(pool.sizes, [this](auto& entry) {
    auto& size = entry.second;
    if (!size.jobs.empty() || !size.leases.empty()) return false;
    for (auto& bucket : size.buckets | std::views::values) std::erase(bucket->queue->buckets, bucket.get());
    if (--size.tenant->sizes == 0) tenants_.erase(std::string(size.tenant->name));
    return true;
  });
  if (pool.live_jobs > 0 || pool.leases > 0 || pool.dead_jobs > 0) return;
  pool.unused_since = now_;
  timers_.set({.due = now_ + options_.bundle_age, .kind = TimerKind::pool, .id = pool.number});
}

}  // namespace sublet::broker
