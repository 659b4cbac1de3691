#include "common/broker_choice.hpp"

#include <algorithm>

namespace sublet {

namespace {

/// More brokers than one cluster has.
constexpr std::size_t kMostKnown = 256;
/// As long as the hold of a broker that died may still name it as the owner.
constexpr Millis kAvoided = 2s;
/// A shard that moves is found within two; more of them in a row go in a circle.
constexpr std::size_t kHopsAtOnce = 2;

}  // namespace

void BrokerList::learn(const std::string& endpoint) {
  if (endpoints_.size() < kMostKnown && std::ranges::find(endpoints_, endpoint) == endpoints_.end()) endpoints_.push_back(endpoint);
}

void BrokerChoice::welcomed() {
  brokers_->learn(current_);
  failures_ = hops_ = 0;
}

void BrokerChoice::next(Instant now) {
  const auto& known = brokers_->endpoints();
  for (std::size_t tried = 1; tried <= known.size(); ++tried) {
    const auto position = (position_ + tried) % known.size();
    if (known[position] == current_ || avoids(known[position], now)) continue;
    position_ = position;
    current_ = known[position];
    return;
  }
}

void BrokerChoice::gone(Instant now) {
  ++failures_;
  silent_ = current_;
  silent_until_ = now + kAvoided;
  next(now);
}

bool BrokerChoice::refused(const std::string& owner, Instant now) {
  ++failures_;
  if (owner.empty() || owner == current_) {
    next(now);
    return false;
  }
  if (avoids(owner, now)) return false;
  current_ = owner;
  return ++hops_ <= kHopsAtOnce;
}

}  // namespace sublet
