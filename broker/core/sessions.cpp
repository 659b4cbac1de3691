#include <algorithm>
#include <ranges>
#include <utility>

#include <fmt/format.h>

#include "broker/core/core.hpp"

namespace sublet::broker {
namespace {

/// How often a pipeline without a place looks for a session that another one can spare.
constexpr Millis kSearchInterval = 100ms;

}  // namespace

void Core::want_sessions() {
  auto asking = std::exchange(touched_pools_, {});
  for (auto* pool : asking) pool->touched = false;
  if (std::exchange(capacity_changed_, false)) {
    for (const auto number : starved_) {
      auto* pool = pools_by_number_.at(number);
      if (std::ranges::find(asking, pool) == asking.end()) asking.push_back(pool);
    }
  }
  const auto settled = asking;
  // One session each per round, whoever has fewest first, so that no pipeline takes every place.
  while (!asking.empty()) {
    std::ranges::stable_sort(asking, {}, &Pool::leases);
    std::erase_if(asking, [this](Pool* pool) { return !add_session(*pool); });
  }
  for (auto* pool : settled) drop_unused_sizes(*pool);
}

bool Core::wants_session(const Pool& pool, const Pool::Sum& sum) const {
  if (sum.ready == 0) return false;
  // Sessions that have nothing yet, or are still coming up, take a chunk each.
  if (sum.ready <= sum.idle) return false;
  if (sum.sessions == 0 || pool.micros_per_chunk == 0) return true;
  const auto target = static_cast<double>(options_.session_target.count());
  return static_cast<double>(sum.ready) * pool.micros_per_chunk > static_cast<double>(sum.sessions) * target;
}

bool Core::add_session(Pool& pool) {
  const bool was_starved = std::exchange(pool.starved, false);
  if (was_starved) starved_.erase(pool.number);
  for (auto& size : pool.sizes | std::views::values | std::views::reverse) {
    if (size.jobs.empty() || !wants_session(pool, pool.sum(size.key))) continue;
    if (now_ < pool.next_lease) return false;
    if (place_lease(size)) return true;
    pool.starved = true;
  }
  if (!pool.starved) return false;
  starved_.insert(pool.number);
  fail_unplaceable(pool);
  make_room(pool);
  return false;
}

bool Core::place_lease(SizeClass& size) {
  const auto fits = [&](std::uint64_t instance) { return size.key.host == Token{} || workers_.at(instance)->host == size.key.host; };
  const auto place = cards_.take(size.lease_bytes, fits);
  if (!place) return false;
  auto owned = std::make_unique<Lease>();
  auto& lease = *owned;
  do {
    lease.id.value = random_.next();
  } while (lease.id.value == 0 || leases_.contains(lease.id));
  lease.token = random_.token();
  lease.worker = workers_.at(place->instance).get();
  lease.size = &size;
  lease.bytes = size.lease_bytes;
  lease.deadline = now_ + options_.lease_ttl + options_.lease_margin;
  leases_.emplace(lease.id, std::move(owned));
  lease.worker->leases.push_back(&lease);
  size.leases.emplace(lease.id, &lease);
  ++size.pool->leases;
  write_lease(lease);
  timers_.set({.due = std::min(lease.deadline, now_ + options_.idle_lease_after), .kind = TimerKind::lease, .id = lease.id.value});
  send(lease.worker->peer, 0,
       wire::Lease{.lease = lease.id,
                   .token = lease.token,
                   .tenant = "default",
                   .card = place->card,
                   .bytes = lease.bytes,
                   .max_chunk_bytes = size.key.max_chunk_bytes,
                   .ttl_ms = static_cast<std::uint32_t>(options_.lease_ttl.count()),
                   .pipeline = size.pool->pipeline,
                   .isolation = size.key.isolation,
                   .by_reference = size.key.host != Token{}});
  return true;
}

void Core::fail_unplaceable(Pool& pool) {
  const auto largest = cards_.largest();
  // Without any worker, chunks wait for one.
  if (largest == 0) return;
  for (auto& size : pool.sizes | std::views::values) {
    if (size.lease_bytes <= largest || size.ready == 0) continue;
    const auto jobs = size.jobs;
    for (auto* job : jobs | std::views::values) {
      end_job(*job, JobState::failed,
              {.code = ErrorCode::no_capacity,
               .detail = fmt::format(
                   "a session needs {} bytes of VRAM and the largest card has {}; use smaller chunks, fewer lanes or a larger card",
                   size.lease_bytes, largest)});
    }
  }
}

void Core::make_room(Pool& starved) {
  if (now_ < starved.next_search) return;
  starved.next_search = now_ + kSearchInterval;
  timers_.set({.due = starved.next_search, .kind = TimerKind::pool, .id = starved.number});
  if (auto* idle = idle_lease_of_others(starved)) {
    release_from_here(*idle, ErrorCode::ok, "its slice is wanted by another pipeline");
    return;
  }
  if (starved.leases > 0) return;
  if (auto* busy = busy_lease_of_others(starved)) {
    busy->retiring = true;
    refresh(*busy);
  }
}

Lease* Core::idle_lease_of_others(const Pool& starved) {
  for (auto& pool : pools_ | std::views::values) {
    if (pool.number == starved.number || pool.leases == 0) continue;
    for (auto& size : pool.sizes | std::views::values) {
      // Work was handed out before: whoever is still empty has none.
      if (size.hungry.empty() || std::get<0>(*size.hungry.begin()) > 0) continue;
      return std::get<2>(*size.hungry.begin());
    }
  }
  return nullptr;
}

Lease* Core::busy_lease_of_others(const Pool& starved) {
  Pool* richest = nullptr;
  for (auto& pool : pools_ | std::views::values) {
    if (pool.number == starved.number || pool.leases < 2) continue;
    if (richest == nullptr || pool.leases > richest->leases) richest = &pool;
  }
  if (richest == nullptr) return nullptr;
  Lease* chosen = nullptr;
  for (auto& size : richest->sizes | std::views::values) {
    for (auto* lease : size.leases | std::views::values) {
      // One that is giving way already is enough.
      if (lease->retiring) return nullptr;
      if (chosen == nullptr && lease->up) chosen = lease;
    }
  }
  return chosen;
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
  std::erase_if(pool.sizes, [](auto& entry) {
    auto& size = entry.second;
    if (!size.jobs.empty() || !size.leases.empty()) return false;
    for (auto& bucket : size.buckets | std::views::values) std::erase(bucket->queue->buckets, bucket.get());
    return true;
  });
  if (pool.live_jobs > 0 || pool.leases > 0 || pool.dead_jobs > 0) return;
  pool.unused_since = now_;
  timers_.set({.due = now_ + options_.bundle_age, .kind = TimerKind::pool, .id = pool.number});
}

}  // namespace sublet::broker
