#include <map>
#include <utility>
#include <vector>

#include "common/io/ready.hpp"
#include "gpu-worker/agent/agent.hpp"

namespace sublet::agent {

void Agent::set_shards(ShardNumber shards) {
  while (links_.size() < shards) {
    const auto shard = static_cast<ShardNumber>(links_.size());
    const LinkOptions options{
        .shard = shard, .name = options_.name, .instance = instance_, .host = host_, .insecure_network = options_.insecure_network};
    links_.push_back(std::make_unique<ShardLink>(shard, BrokerLink(*context_, options, brokers_, *random_, log_)));
    dealer_.set_shards(static_cast<ShardNumber>(links_.size()));
    deal_due_ = true;
  }
}

LeasedSession* Agent::find_session(const ShardLink& link, LeaseId lease) {
  const auto session = sessions_.find(lease);
  return session != sessions_.end() && session->second->shard() == link.number ? session->second.get() : nullptr;
}

std::vector<LeasedSession*> Agent::sessions_of(const ShardLink& link) {
  std::vector<LeasedSession*> found;
  for (const auto& [lease, session] : sessions_) {
    if (session->shard() == link.number) {
      found.push_back(session.get());
    }
  }
  return found;
}

/// Sets the cards' room aside for the shards anew, and tells those for whom it has changed.
void Agent::deal() {
  if (!std::exchange(deal_due_, false)) {
    return;
  }
  const auto rooms = cards_.rooms();
  const auto dealt = dealer_.deal(draining_ ? std::vector<CardRoom>(rooms.size()) : rooms);
  std::map<BrokerId, std::vector<CardRoom>> aside;
  for (const auto& link : links_) {
    aside[link->ledger_name()] = dealt[link->number];
  }
  cards_.set_aside(aside);
  for (const auto& link : links_) {
    send_offer(*link);
  }
}

void Agent::send_offer(ShardLink& link) {
  wire::Offer offer{.seen = link.seen_leases, .cards = cards_.offer(link.ledger_name()), .mps = cards_.has_mps()};
  if (!link.broker.up() || offer.cards.empty() || link.told == offer) {
    return;
  }
  link.broker.send_control(offer);
  link.told = std::move(offer);
  if (!std::exchange(ready_, true) && options_.ready_fd >= 0) {
    if (const auto told = io::write_ready(options_.ready_fd, {{"broker", link.broker.endpoint()}}); !told) {
      log_->warn("{}", to_text(told.error()));
    }
  }
}

}  // namespace sublet::agent
