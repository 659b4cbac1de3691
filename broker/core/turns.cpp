// Who has a place on the cards where there are fewer than want one: tenants by their weights, and what one of them runs in equal parts.

#include <algorithm>
#include <ranges>
#include <tuple>

#include "broker/core/core.hpp"

namespace sublet::broker {
namespace {

/// How often is looked whose turn it is.
constexpr Millis kLook = 50ms;

/// Whether the lease can take the size's chunks.
bool serves(const Lease& lease, const SizeClass& size) {
  const auto& key = lease.size->key;
  return lease.size->pool == size.pool && key.smallest() == size.key.smallest() && key >= size.key;
}

}  // namespace

/// Sizes of one tenant stand together.
bool Core::is_served_less(const SizeClass& one, const SizeClass& other) {
  const auto rank = [](const SizeClass& size) {
    return std::tuple(size.tenant->share(), size.tenant->used, size.tenant->number, size.pool->sum(size.key).sessions, size.used);
  };
  return rank(one) < rank(other);
}

void Core::begin_turn(SizeClass& size) {
  ++size.tenant->leases;
  tenants_clock_ = std::max(tenants_clock_, size.tenant->used);
  size.tenant->sizes_clock = std::max(size.tenant->sizes_clock, size.used);
}

/// What nobody waits for is free.
void Core::charge(SizeClass& size, double micros) const {
  if (!contended_) return;
  size.used += micros;
  size.tenant->used += micros / size.tenant->weight;
}

/// Those that want a session and found no place, who was served least first.
std::vector<SizeClass*> Core::starved_sizes() const {
  std::vector<SizeClass*> starved;
  for (const auto number : starved_) {
    auto& pool = *pools_by_number_.at(number);
    for (auto& size : pool.sizes | std::views::values | std::views::reverse) {
      if (!size.jobs.empty() && now_ >= pool.next_lease && wants_session(pool, pool.sum(size.key))) starved.push_back(&size);
    }
  }
  std::ranges::stable_sort(starved, [](const auto* one, const auto* other) { return is_served_less(*one, *other); });
  return starved;
}

void Core::take_turns() {
  contended_ = contended_ && !starved_.empty();
  if (starved_.empty() || now_ < next_turns_) return;
  contended_ = false;
  next_turns_ = now_ + kLook;
  timers_.set({.due = next_turns_, .kind = TimerKind::pool, .id = *starved_.begin()});
  auto giving_way =
      static_cast<std::size_t>(std::ranges::count_if(leases_ | std::views::values, [](const auto& lease) { return lease->retiring; }));
  bool any_idle = true;
  for (const auto* size : starved_sizes()) {
    const bool unserved = size->pool->sum(size->key).sessions == 0;
    contended_ = contended_ || unserved;
    any_idle = any_idle && free_idle_lease(*size);
    if (any_idle) continue;
    // Whoever has a session already waits for one that is free.
    if (!unserved) continue;
    if (giving_way > 0) {
      --giving_way;
      continue;
    }
    if (!retire_lease(*size)) return;
  }
}

/// Ends a session of others that has nothing to do. Work was handed out before: whoever is still empty has none.
bool Core::free_idle_lease(const SizeClass& starved) {
  for (auto& pool : pools_ | std::views::values) {
    for (auto& size : pool.sizes | std::views::values) {
      if (size.hungry.empty() || std::get<0>(*size.hungry.begin()) > 0) continue;
      auto& lease = *std::get<2>(*size.hungry.begin());
      if (serves(lease, starved)) continue;
      release_from_here(lease, ErrorCode::ok, "its slice is wanted by others");
      return true;
    }
  }
  return false;
}

/// Has a busy session of others end when it is through with what it has.
bool Core::retire_lease(const SizeClass& starved) {
  const auto rank = [](const Lease& lease) {
    const auto& tenant = *lease.size->tenant;
    return std::tuple(tenant.share(), tenant.used, lease.size->leases.size(), lease.size->used, lease.id.value);
  };
  Lease* chosen = nullptr;
  for (const auto& lease : leases_ | std::views::values) {
    if (must_give_way(*lease, starved) && (chosen == nullptr || rank(*lease) > rank(*chosen))) chosen = lease.get();
  }
  if (chosen == nullptr) return false;
  chosen->retiring = true;
  refresh(*chosen);
  return true;
}

bool Core::must_give_way(const Lease& lease, const SizeClass& starved) const {
  if (!lease.up || lease.retiring || serves(lease, starved)) return false;
  const auto& theirs = *lease.size->tenant;
  const auto& ours = *starved.tenant;
  const bool had_its_turn = lease.up_since + options_.turn <= now_;
  if (&theirs == &ours) {
    return lease.size->leases.size() >= 2 || (had_its_turn && lease.size->used > starved.used);
  }
  if (theirs.share() <= ours.share()) return false;
  return theirs.leases >= 2 || (had_its_turn && theirs.used > ours.used);
}

}  // namespace sublet::broker
