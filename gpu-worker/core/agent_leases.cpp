#include "gpu-worker/core/agent_leases.hpp"

#include <algorithm>

namespace sublet {
namespace {

constexpr std::size_t kMostUnanswered = 8;

}  // namespace

void AgentLeases::add(LeaseId lease, Millis ttl) {
  if (leases_.empty()) {
    last_renewal_ = looked_;
  }
  leases_[lease] = {.ttl = ttl, .deadline = looked_ + ttl};
}

std::optional<Instant> AgentLeases::deadline(LeaseId lease) const {
  const auto held = leases_.find(lease);
  return held == leases_.end() ? std::nullopt : std::optional(held->second.deadline);
}

Instant AgentLeases::renew_at() const {
  const auto shortest = std::ranges::min_element(leases_, {}, [](const auto& held) { return held.second.ttl; });
  return last_renewal_ + shortest->second.ttl / 3;
}

bool AgentLeases::renew_due(Instant now) const { return !leases_.empty() && now >= renew_at(); }

void AgentLeases::renew_sent(std::uint64_t request, Instant now) {
  Asked asked{.request = request, .sent = now, .leases = {}};
  for (const auto& [lease, held] : leases_) {
    asked.leases.push_back(lease);
  }
  if (asked_.size() == kMostUnanswered) {
    asked_.erase(asked_.begin());
  }
  asked_.push_back(std::move(asked));
  last_renewal_ = now;
}

std::vector<LeaseId> AgentLeases::renewed(std::uint64_t request, std::span<const wire::LeaseTtl> ttls) {
  const auto asked = std::ranges::find(asked_, request, &Asked::request);
  if (asked == asked_.end()) {
    return {};
  }
  std::vector<LeaseId> ended;
  for (const LeaseId lease : asked->leases) {
    const auto held = leases_.find(lease);
    if (held == leases_.end()) {
      continue;
    }
    const auto ttl = std::ranges::find(ttls, lease, &wire::LeaseTtl::lease);
    if (ttl == ttls.end()) {
      ended.push_back(lease);
      continue;
    }
    held->second.ttl = Millis(ttl->ttl_ms);
    held->second.deadline = std::max(held->second.deadline, asked->sent + held->second.ttl);
  }
  asked_.erase(asked_.begin(), std::next(asked));
  return ended;
}

std::vector<LeaseId> AgentLeases::expired(Instant now) const {
  std::vector<LeaseId> passed;
  for (const auto& [lease, held] : leases_) {
    if (held.deadline <= now) {
      passed.push_back(lease);
    }
  }
  return passed;
}

std::optional<Instant> AgentLeases::next_due(bool can_renew) const {
  if (leases_.empty()) {
    return std::nullopt;
  }
  const auto first = std::ranges::min_element(leases_, {}, [](const auto& held) { return held.second.deadline; });
  return can_renew ? std::min(renew_at(), first->second.deadline) : first->second.deadline;
}

}  // namespace sublet
