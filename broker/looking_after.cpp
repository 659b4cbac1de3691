// Who is still there, and how everything stands.

#include <algorithm>

#include <fmt/format.h>

#include "broker/server.hpp"
#include "common/io/clock.hpp"

namespace sublet::broker {

namespace {

constexpr int kHeartbeatsUntilGone = 3;

/// How often connections are looked at that only send.
constexpr Millis kFloodInterval = 200ms;

}  // namespace

void Server::look_after_peers(Instant now) {
  // A peer's heartbeat may still wait in the socket when this process was held up; only who is not heard in an empty socket is silent.
  if (now < next_heartbeat_ || !control_is_empty_) {
    return;
  }
  const bool held_up = now > next_heartbeat_ + options_.heartbeat;
  next_heartbeat_ = now + options_.heartbeat;
  for (const PeerId id : peers_.silent_since(now - options_.heartbeat)) {
    Peer& peer = *peers_.find(id);
    if (held_up || peer.heard >= now - kHeartbeatsUntilGone * options_.heartbeat) {
      outbox_.ping(peer);
      continue;
    }
    ++counters_.silent;
    log_->info("peer \"{}\" is gone: silent for {} heartbeats", peer.name, kHeartbeatsUntilGone);
    intake_.forget(&peer);
  }
  outbox_.take_lost(shards_);
  if (counters_.malformed != reported_malformed_) {
    log_->warn("{} messages could not be read since the last heartbeat", counters_.malformed - reported_malformed_);
    reported_malformed_ = counters_.malformed;
  }
}

void Server::look_for_floods(Instant now) {
  if (now < next_flood_check_) {
    return;
  }
  next_flood_check_ = now + kFloodInterval;
  if (control_is_empty_) {
    planes_.socket(wire::Plane::control).cut_floods();
  }
  if (bulk_is_empty_) {
    planes_.socket(wire::Plane::bulk).cut_floods();
  }
}

Result<void> Server::answer_inquiries(Instant now) {
  // How a store is may have changed by time alone.
  for (Shard& shard : shards_.all()) {
    if (auto heard = hear_store(shard); !heard) {
      return heard;
    }
  }
  inquiries_->answer([&] { return readings(now); });
  return {};
}

Readings Server::readings(Instant now) const {
  Readings readings{.rules = {},
                    .loop = counters_,
                    .producers = peers_.count(wire::Role::producer),
                    .workers = peers_.count(wire::Role::worker),
                    .store = claims_->store_name(),
                    .store_trouble = {},
                    .served = std::vector<bool>(shards_.of_cluster(), false)};
  if (const auto trouble = claims_->trouble(now)) {
    readings.store_trouble = trouble->detail;
  }
  for (const Shard& shard : shards_.all()) {
    merge(readings.rules, shard.statistics(now));
    readings.served[shard.number()] = true;
    readings.store_weakened |= shard.is_weakened();
    if (const auto trouble = shard.store_trouble()) {
      readings.store_trouble = fmt::format("shard {}: {}", shard.number(), trouble->detail);
    }
    readings.commit_age = std::max(readings.commit_age, shard.commit_age(now));
  }
  return readings;
}

}  // namespace sublet::broker
