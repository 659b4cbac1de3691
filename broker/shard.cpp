#include "broker/shard.hpp"

#include <algorithm>
#include <iterator>
#include <utility>

#include "common/io/clock.hpp"
#include "common/io/random.hpp"
#include "common/job_text.hpp"

namespace sublet::broker {

namespace {

/// Inputs that may wait for the commit in flight.
constexpr std::size_t kBehind = 8'192;

/// Whether a write lets something new in.
bool admits(const Write& write) {
  const auto kind = write.key.kind;
  return !std::holds_alternative<Erase>(write.value) &&
         (kind == RecordKind::batch || kind == RecordKind::payload || kind == RecordKind::job || kind == RecordKind::bundle);
}

void append(std::vector<Send>& sends, std::vector<Send>&& more) {
  if (sends.empty()) {
    sends = std::move(more);
  } else {
    std::ranges::move(more, std::back_inserter(sends));
  }
  more.clear();
}

}  // namespace

Result<OpenedShard> open_shard(const BrokerOptions& rules, std::unique_ptr<Store> store) {
  auto records = store->load();
  if (!records) {
    return std::unexpected(records.error());
  }
  auto random = std::make_unique<io::SystemRandom>();
  Broker broker(rules, store->info(), *random);
  if (auto restored = broker.restore(std::move(*records), io::now()); !restored) {
    return std::unexpected(restored.error());
  }
  return OpenedShard{.number = rules.shard, .store = std::move(store), .random = std::move(random), .broker = std::move(broker)};
}

Shard::Shard(OpenedShard opened, io::Log log, Counters& counters) : opened_(std::move(opened)), log_(std::move(log)), counters_(counters) {}

bool Shard::is_behind() const { return !decides() && inputs_.size() >= kBehind; }

bool Shard::has_work(Instant now) const {
  if (in_flight_ || leaving_) {
    return false;
  }
  const auto due = opened_.broker.next_deadline();
  return !inputs_.empty() || (due && *due <= now);
}

void Shard::decide(Instant now, std::vector<Send>& sends) {
  if (!decides() || !has_work(now)) {
    return;
  }
  Step step = opened_.broker.step(now, inputs_);
  inputs_.clear();
  ++counters_.steps;
  opened_.store->want(std::move(step.fetches));
  sends_ = std::move(step.sends);
  if (!step.writes.empty()) {
    commit(std::move(step.writes));
    append(sends, take_early(sends_));
  }
}

void Shard::commit(std::vector<Write> writes) {
  // While the store is full the rules admit nothing, so whatever they decide makes room in the end.
  const bool draining = store_full_ || std::ranges::none_of(writes, admits);
  counters_.commit_writes.observe(writes.size());
  commit_began_ = io::now();
  opened_.store->begin({.number = ++last_commit_, .writes = std::move(writes), .draining = draining});
  in_flight_ = true;
}

Result<void> Shard::finish_commit(std::vector<Send>& sends) {
  auto result = opened_.store->finished();
  for (FetchedPayload& payload : opened_.store->fetched()) {
    inputs_.emplace_back(Fetched{.key = payload.key, .bytes = std::move(payload.bytes)});
  }
  if (auto watched = watch_store(); !watched) {
    return watched;
  }
  if (!in_flight_) {
    append(sends, std::move(sends_));
    return {};
  }
  if (!result) {
    return {};
  }
  if (result->refused) {
    // What was decided cannot be taken back, so this one commit still goes in; what is submitted from now on is refused.
    result->refused->draining = true;
    opened_.store->begin(std::move(*result->refused));
    return finish_commit(sends);
  }
  in_flight_ = false;
  if (!result->outcome) {
    return std::unexpected(result->outcome.error());
  }
  opened_.store->want(opened_.broker.stored(io::now()));
  ++counters_.commits;
  counters_.commit_micros.observe(static_cast<std::uint64_t>(std::chrono::duration_cast<Micros>(io::now() - commit_began_).count()));
  append(sends, std::move(sends_));
  return {};
}

Result<void> Shard::watch_store() {
  const StoreHealth& health = opened_.store->health();
  if (!health.ready && health.reason.code == ErrorCode::not_owner) {
    return std::unexpected(health.reason);
  }
  if (health.ready != store_ready_) {
    store_ready_ = health.ready;
    if (store_ready_) {
      log_->info("shard {}: the store is back", number());
    } else {
      log_->warn("shard {}: the store is away, and nothing is decided until it is back: {}", number(), health.reason.detail);
    }
  }
  if (health.full != store_full_) {
    store_full_ = health.full;
    opened_.broker.set_store_full(store_full_);
    log_->warn("shard {}: the store is {}", number(), store_full_ ? "full: submits are refused until there is room" : "no longer full");
  }
  watch_durability();
  return {};
}

void Shard::watch_durability() {
  const auto& weakened = opened_.store->health().weakened;
  if (weakened == weakened_) {
    return;
  }
  weakened_ = weakened;
  const StoreInfo info = opened_.store->info();
  opened_.broker.set_durability(weakened.value_or(info.durability));
  if (weakened) {
    log_->warn(
        "shard {}: {} gives durability \"{}\" since its settings were changed, and gave \"{}\": what is accepted survives no more than "
        "that; set appendonly and appendfsync as they were",
        number(), info.name, to_text(*weakened), to_text(info.durability));
  } else {
    log_->info("shard {}: {} gives durability \"{}\" again", number(), info.name, to_text(info.durability));
  }
}

std::optional<Instant> Shard::next_deadline() const {
  if (!decides()) {
    return std::nullopt;
  }
  return inputs_.empty() ? opened_.broker.next_deadline() : Instant::min();
}

std::optional<Error> Shard::store_trouble() const { return store_ready_ ? std::nullopt : std::optional(opened_.store->health().reason); }

Millis Shard::commit_age(Instant now) const { return in_flight_ ? std::chrono::duration_cast<Millis>(now - commit_began_) : 0ms; }

}  // namespace sublet::broker
