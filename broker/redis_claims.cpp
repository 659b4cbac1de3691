#include "broker/redis_claims.hpp"

#include <algorithm>
#include <utility>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "broker/stores/redis_url.hpp"
#include "common/io/clock.hpp"

namespace sublet::broker {

namespace {

/// A shard that cannot be opened is tried again after so long: what is wrong with it waits for somebody who mends it.
constexpr Millis kOpenAgain = 5s;

}  // namespace

Result<std::unique_ptr<RedisClaims>> RedisClaims::open(const std::vector<std::string>& urls, const ClusterWishes& cluster,
                                                       const StoreWishes& wishes, const BrokerOptions& rules, io::Log log) {
  if (auto agree = check_wishes(cluster); !agree) {
    return std::unexpected(agree.error());
  }
  io::SystemRandom random;
  std::vector<RedisRoster> rosters;
  std::optional<ClusterRecord> first;
  for (const std::string& url : urls) {
    const auto address = parse_redis_url(url);
    if (!address) {
      return std::unexpected(address.error());
    }
    auto roster = RedisRoster::open(*address, cluster, static_cast<std::uint32_t>(rosters.size()), first,
                                    {.demanded = demanded_durability(*address, wishes)}, random);
    if (!roster) {
      return std::unexpected(roster.error());
    }
    if (!first) {
      first = roster->cluster();
    }
    rosters.push_back(std::move(*roster));
  }
  auto openings = Openings::open();
  if (!openings) {
    return std::unexpected(openings.error());
  }
  return std::unique_ptr<RedisClaims>(new RedisClaims(urls, wishes, rules, std::move(rosters), std::move(*openings), std::move(log)));
}

RedisClaims::RedisClaims(const std::vector<std::string>& urls, StoreWishes wishes, const BrokerOptions& rules,
                         std::vector<RedisRoster> rosters, std::unique_ptr<Openings> openings, io::Log log)
    : urls_(urls),
      wishes_(std::move(wishes)),
      rules_(rules),
      log_(std::move(log)),
      rosters_(std::move(rosters)),
      openings_(std::move(openings)) {
  rules_.layout = layout();
}

std::string RedisClaims::store_name() const {
  std::vector<std::string> names;
  for (const RedisRoster& roster : rosters_) {
    names.push_back(roster.name());
  }
  return fmt::format("{}", fmt::join(names, ", "));
}

void RedisClaims::begin(const std::string& control_endpoint) {
  me_ = wishes_.holder = control_endpoint;
  for (RedisRoster& roster : rosters_) {
    roster.join(me_);
  }
}

std::vector<int> RedisClaims::fds() const {
  std::vector<int> fds{openings_->fd()};
  for (const RedisRoster& roster : rosters_) {
    fds.push_back(roster.fd());
  }
  return fds;
}

Result<ClaimChanges> RedisClaims::changes(Instant now) {
  ClaimChanges changes;
  if (auto taken = take_up(now, changes); !taken) {
    return std::unexpected(taken.error());
  }
  for (std::size_t store = 0; store < rosters_.size(); ++store) {
    rosters_[store].pump(now);
    const auto sighting = rosters_[store].take_sighting();
    if (sighting && !ends_) {
      decide(store, *sighting, now, changes);
    }
  }
  look_whether_settled();
  if (auto looked = look_for_trouble(now); !looked) {
    return std::unexpected(looked.error());
  }
  return changes;
}

Result<void> RedisClaims::take_up(Instant now, ClaimChanges& changes) {
  for (auto& [number, outcome] : openings_->take_opened()) {
    if (outcome && ends_) {
      close(number, std::move(outcome->store));
      continue;
    }
    if (outcome) {
      stages_[number] = Stage::served;
      changes.taken.push_back(std::move(*outcome));
      continue;
    }
    stages_.erase(number);
    const Error& error = outcome.error();
    // Somebody else was faster, or Redis is loading: the next look tells.
    if (error.code == ErrorCode::not_owner || error.retry_after_ms != 0) {
      continue;
    }
    if (!settled_) {
      return std::unexpected(error);
    }
    log_->error("shard {} cannot be served: {}", number, error.detail);
    not_before_[number] = now + kOpenAgain;
  }
  return {};
}

void RedisClaims::decide(std::size_t store, const RedisSighting& sighting, Instant now, ClaimChanges& changes) {
  seen_.insert(store);
  Sharing sharing{.me = me_, .brokers = sighting.brokers, .owners = sighting.owners, .mine = {}, .elsewhere = held_elsewhere(store)};
  for (const auto& [shard, owner] : sighting.owners) {
    owners_[shard] = owner;
    const auto stage = stages_.find(shard);
    if (stage != stages_.end() && stage->second != Stage::leaving) {
      sharing.mine.insert(shard);
    }
  }
  const SharingMoves moves = decide_moves(sharing);
  for (const ShardNumber shard : moves.take) {
    // One that is on its way out comes back when it is out.
    const auto wait = not_before_.find(shard);
    if (!stages_.contains(shard) && (wait == not_before_.end() || wait->second <= now)) {
      open_shard_of(shard);
    }
  }
  for (const ShardNumber shard : moves.give_back) {
    if (stages_.at(shard) == Stage::served) {
      stages_[shard] = Stage::leaving;
      changes.give_back.push_back(shard);
    }
  }
}

void RedisClaims::open_shard_of(ShardNumber shard) {
  stages_[shard] = Stage::opening;
  BrokerOptions rules = rules_;
  rules.shard = shard;
  openings_->begin(shard, [rules, url = urls_[shard % urls_.size()], wishes = wishes_]() -> Result<OpenedShard> {
    io::SystemRandom random;
    auto store = make_store(url, rules.shard, wishes, random);
    if (!store) {
      return std::unexpected(store.error());
    }
    return open_shard(rules, std::move(*store));
  });
}

std::map<std::string, std::size_t> RedisClaims::held_elsewhere(std::size_t store) const {
  std::map<std::string, std::size_t> held;
  for (const auto& [shard, owner] : owners_) {
    if (shard % urls_.size() != store && !owner.empty()) {
      ++held[owner];
    }
  }
  return held;
}

void RedisClaims::look_whether_settled() {
  const auto is_opening = [](const auto& entry) { return entry.second == Stage::opening; };
  // What a broker held that was here before, under the same endpoint, comes free in a moment.
  const auto is_inherited = [&](const auto& entry) { return entry.second == me_ && !stages_.contains(entry.first); };
  settled_ = settled_ ||
             (seen_.size() == rosters_.size() && std::ranges::none_of(stages_, is_opening) && std::ranges::none_of(owners_, is_inherited));
}

std::optional<Error> RedisClaims::trouble(Instant now) const {
  for (const RedisRoster& roster : rosters_) {
    if (auto trouble = roster.trouble(now)) {
      return trouble;
    }
  }
  if (!settled_) {
    return Error{.code = ErrorCode::store_unavailable, .detail = "shards are still being taken up", .retry_after_ms = 200};
  }
  return std::nullopt;
}

/// What does not pass by itself ends a broker that starts. One that serves tells all of it once, since it may have no shard that would.
Result<void> RedisClaims::look_for_trouble(Instant now) {
  const auto trouble = this->trouble(now);
  if (trouble && trouble->retry_after_ms == 0 && !settled_) {
    return std::unexpected(*trouble);
  }
  const std::string text = trouble && settled_ ? trouble->detail : std::string();
  if (text != told_ && !text.empty()) {
    const auto level = trouble->retry_after_ms == 0 ? spdlog::level::err : spdlog::level::warn;
    log_->log(level, "no shard can be taken from another broker, nor given to one: {}", text);
  }
  told_ = text;
  return {};
}

std::string RedisClaims::owner_of(ShardNumber shard) const {
  const auto owner = owners_.find(shard);
  // What this broker held a moment ago is nobody's yet.
  return owner == owners_.end() || owner->second == me_ ? std::string() : owner->second;
}

void RedisClaims::close(ShardNumber shard, std::unique_ptr<Store> store) {
  stages_.erase(shard);
  openings_->close(std::move(store));
}

bool RedisClaims::end() {
  ends_ = true;
  for (RedisRoster& roster : rosters_) {
    roster.leave();
  }
  return true;
}

}  // namespace sublet::broker
