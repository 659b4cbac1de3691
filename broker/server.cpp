#include "broker/server.hpp"

#include <algorithm>
#include <utility>

#include "common/io/clock.hpp"

namespace sublet::broker {

namespace {

/// Messages taken from a socket before the loop goes on: enough to share a commit, few enough that a heartbeat never waits long.
constexpr std::size_t kMessagesPerRound = 1'024;

/// Inputs that may wait for the commit in flight. Beyond it, TCP holds the bulk plane back.
constexpr std::size_t kWaitingInputs = 8'192;

constexpr int kHeartbeatsUntilGone = 3;

/// How often connections are looked at that only send.
constexpr Millis kFloodInterval = 200ms;

/// Whether a write lets something new in.
bool admits(const Write& write) {
  const auto kind = write.key.kind;
  return !std::holds_alternative<Erase>(write.value) &&
         (kind == RecordKind::batch || kind == RecordKind::payload || kind == RecordKind::job || kind == RecordKind::bundle);
}

}  // namespace

Result<std::unique_ptr<Server>> Server::open(const ServerOptions& options, std::unique_ptr<Store> store, io::Log log) {
  io::Context context;
  auto planes = Planes::bind(context, options.endpoints, options.insecure_network);
  if (!planes) {
    return std::unexpected(planes.error());
  }
  auto records = store->load();
  if (!records) {
    return std::unexpected(records.error());
  }
  std::unique_ptr<Server> server(new Server(options, std::move(context), std::move(*planes), std::move(store), std::move(log)));
  if (auto restored = server->broker_.restore(std::move(*records), io::now()); !restored) {
    return std::unexpected(restored.error());
  }
  return server;
}

Server::Server(const ServerOptions& options, io::Context context, Planes planes, std::unique_ptr<Store> store, io::Log log)
    : options_(options),
      log_(std::move(log)),
      store_(std::move(store)),
      broker_(options_.rules, store_->info(), random_),
      context_(std::move(context)),
      planes_(std::move(planes)),
      outbox_(planes_, peers_,
              {.bulk_endpoint = options_.advertised_bulk.empty() ? planes_.endpoints().bulk : options_.advertised_bulk,
               .heartbeat = options_.heartbeat,
               .drop_runs = options_.drop_runs},
              counters_),
      intake_(options_.rules.shard, planes_, peers_, outbox_, random_, counters_),
      next_heartbeat_(io::now() + options_.heartbeat),
      next_flood_check_(io::now() + kFloodInterval) {}

Result<void> Server::run(int stop_fd) {
  // Two pollers over the same things: the second leaves out the bulk plane, for when what has arrived must wait for the store.
  io::Poller everything;
  io::Poller without_bulk;
  for (io::Poller* poller : {&everything, &without_bulk}) {
    poller->add(stop_fd);
    poller->add(planes_.socket(wire::Plane::control));
    if (store_->fd() >= 0) {
      poller->add(store_->fd());
    }
  }
  std::size_t inquiry = 0;
  if (inquiries_ != nullptr) {
    inquiry = everything.add(inquiries_->fd());
    without_bulk.add(inquiries_->fd());
  }
  everything.add(planes_.socket(wire::Plane::bulk));

  for (;;) {
    io::Poller& poller = takes_bulk() ? everything : without_bulk;
    poller.wait(until_next_deadline(io::now()));
    if (poller.readable(0)) {
      return {};
    }
    if (auto finished = finish_commit(); !finished) {
      return finished;
    }
    if (inquiries_ != nullptr && poller.readable(inquiry)) {
      inquiries_->answer([&] { return readings(); });
    }
    const Instant now = io::now();
    if (outbox_.release_at() && *outbox_.release_at() <= now) {
      outbox_.release_held();
    }
    receive(now);
    look_after_peers(now);
    look_for_floods(now);
    if (auto decided = decide(now); !decided) {
      return decided;
    }
  }
}

void Server::receive(Instant now) {
  control_is_empty_ = intake_.drain(wire::Plane::control, kMessagesPerRound, now, inputs_);
  bulk_is_empty_ = takes_bulk() && intake_.drain(wire::Plane::bulk, kMessagesPerRound, now, inputs_);
  outbox_.take_lost(inputs_);
}

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
    inputs_.emplace_back(PeerGone{id});
    peers_.remove(id);
  }
  outbox_.take_lost(inputs_);
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

Result<void> Server::decide(Instant now) {
  const auto due = broker_.next_deadline();
  if (in_flight_ || !store_ready_ || (inputs_.empty() && (!due || *due > now))) {
    return {};
  }
  Step step = broker_.step(now, inputs_);
  inputs_.clear();
  ++counters_.steps;
  sends_ = std::move(step.sends);
  if (step.writes.empty()) {
    send_all();
    return {};
  }
  commit(std::move(step.writes));
  return finish_commit();
}

void Server::commit(std::vector<Write> writes) {
  // While the store is full the rules admit nothing, so whatever they decide makes room in the end.
  const bool draining = store_full_ || std::ranges::none_of(writes, admits);
  counters_.commit_writes.observe(writes.size());
  commit_began_ = io::now();
  store_->begin({.number = ++last_commit_, .writes = std::move(writes), .draining = draining});
  in_flight_ = true;
}

Result<void> Server::watch_store() {
  const StoreHealth& health = store_->health();
  if (!health.ready && health.reason.code == ErrorCode::not_owner) {
    return std::unexpected(health.reason);
  }
  if (health.ready != store_ready_) {
    store_ready_ = health.ready;
    if (store_ready_) {
      log_->info("the store is back");
    } else {
      log_->warn("the store is away, and nothing is decided until it is back: {}", health.reason.detail);
    }
  }
  if (health.full != store_full_) {
    store_full_ = health.full;
    broker_.set_store_full(store_full_);
    log_->warn("the store is {}", store_full_ ? "full: submits are refused until there is room" : "no longer full");
  }
  return {};
}

Result<void> Server::finish_commit() {
  auto result = store_->finished();
  if (auto watched = watch_store(); !watched) {
    return watched;
  }
  if (!result || !in_flight_) {
    return {};
  }
  if (result->refused) {
    // What was decided cannot be taken back, so this one commit still goes in; what is submitted from now on is refused.
    result->refused->draining = true;
    store_->begin(std::move(*result->refused));
    return {};
  }
  in_flight_ = false;
  if (!result->outcome) {
    return std::unexpected(result->outcome.error());
  }
  ++counters_.commits;
  counters_.commit_micros.observe(static_cast<std::uint64_t>(std::chrono::duration_cast<Micros>(io::now() - commit_began_).count()));
  send_all();
  return {};
}

void Server::send_all() {
  // Work goes out before news of it: a session that waits is what a lone chunk's time is made of. Each peer's own order stays.
  const auto is_for_worker = [&](const Send& send) {
    const Peer* peer = peers_.find(send.peer);
    return peer != nullptr && peer->role == wire::Role::worker;
  };
  std::ranges::stable_partition(sends_, is_for_worker);
  const Instant now = io::now();
  for (Send& send : sends_) {
    outbox_.send(std::move(send), now);
  }
  sends_.clear();
  outbox_.take_lost(inputs_);
}

Readings Server::readings() const {
  const Instant now = io::now();
  return {.rules = broker_.statistics(now),
          .loop = counters_,
          .producers = peers_.count(wire::Role::producer),
          .workers = peers_.count(wire::Role::worker),
          .store = store_->info().name,
          .store_ready = store_ready_,
          .commit_age = in_flight_ ? std::chrono::duration_cast<Millis>(now - commit_began_) : 0ms};
}

bool Server::takes_bulk() const { return (store_ready_ && !in_flight_) || inputs_.size() < kWaitingInputs; }

Millis Server::until_next_deadline(Instant now) const {
  const bool decides = store_ready_ && !in_flight_;
  if (decides && !inputs_.empty()) {
    return 0ms;
  }
  Instant next = next_flood_check_;
  if (outbox_.release_at()) {
    next = std::min(next, *outbox_.release_at());
  }
  if (peers_.size() > 0) {
    next = std::min(next, next_heartbeat_);
  }
  if (const auto due = broker_.next_deadline(); due && decides) {
    next = std::min(next, *due);
  }
  return std::max(std::chrono::ceil<Millis>(next - now), 0ms);
}

}  // namespace sublet::broker
