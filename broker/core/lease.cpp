#include "broker/core/lease.hpp"

#include <algorithm>

namespace sublet::broker {
namespace {

constexpr std::size_t kSettledRemembered = 256;

}  // namespace

void Lease::remember(GrantId grant, Token fence) {
  if (settled_.size() < kSettledRemembered) {
    settled_.emplace_back(grant, fence);
    return;
  }
  settled_[settled_next_] = {grant, fence};
  settled_next_ = (settled_next_ + 1) % kSettledRemembered;
}

bool Lease::has_settled(GrantId grant, Token fence) const { return std::ranges::find(settled_, std::pair(grant, fence)) != settled_.end(); }

}  // namespace sublet::broker
