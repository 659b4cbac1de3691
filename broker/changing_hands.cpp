// Shards come and go while the loop runs.

#include <string_view>
#include <utility>

#include "broker/server.hpp"

namespace sublet::broker {

namespace {

/// How long a stop waits for commits in flight. A store that is away gets no longer: what it has not taken was promised to nobody.
constexpr Millis kStopPatience = 2s;

}  // namespace

Result<void> Server::claim(Instant now) {
  auto changes = claims_->changes(now);
  if (!changes) {
    return std::unexpected(changes.error());
  }
  for (OpenedShard& opened : changes->taken) {
    take(std::move(opened));
  }
  for (const ShardNumber number : changes->give_back) {
    Shard* shard = shards_.find(number);
    if (shard == nullptr) {
      continue;
    }
    shard->leave();
    if (auto heard = hear_store(*shard); !heard) {
      return heard;
    }
  }
  if (told_ && claims_->has_settled()) {
    std::exchange(told_, nullptr)();
  }
  return {};
}

void Server::take(OpenedShard opened) {
  log_->info("serving shard {} of {}", opened.number, shards_.of_cluster());
  shards_.add(std::make_unique<Shard>(std::move(opened), log_, counters_));
  watches_anew_ = true;
}

void Server::drop(ShardNumber number) {
  const auto shard = shards_.remove(number);
  outbox_.dismiss(number, intake_.elsewhere(number));
  claims_->close(number, shard->take_store());
  watches_anew_ = true;
}

Result<void> Server::stop(Instant now) {
  const bool others_go_on = claims_->end();
  stops_at_ = others_go_on ? now + kStopPatience : now;
  if (!others_go_on) {
    return {};
  }
  for (Shard& shard : shards_.all()) {
    shard.leave();
    if (auto heard = hear_store(shard); !heard) {
      return heard;
    }
  }
  return {};
}

}  // namespace sublet::broker
