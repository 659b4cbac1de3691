#include "broker/server.hpp"

#include <algorithm>
#include <utility>

#include "common/io/clock.hpp"

namespace sublet::broker {

namespace {

/// Messages taken from a socket before the loop goes on: enough to share a commit, few enough that a heartbeat never waits long.
constexpr std::size_t kMessagesPerRound = 1'024;

/// Inputs that may wait for stores, all shards together, before TCP holds the bulk plane back.
constexpr std::size_t kWaitingInputs = 65'536;

}  // namespace

Result<std::unique_ptr<Server>> Server::open(const ServerOptions& options, std::unique_ptr<Claims> claims, io::Log log) {
  auto planes = Planes::bind(options.endpoints, options.insecure_network);
  if (!planes) {
    return std::unexpected(planes.error());
  }
  return over(std::move(*planes), options, std::move(claims), std::move(log));
}

std::unique_ptr<Server> Server::over(Planes planes, const ServerOptions& options, std::unique_ptr<Claims> claims, io::Log log) {
  return std::unique_ptr<Server>(new Server(options, std::move(planes), std::move(claims), std::move(log)));
}

Server::Server(const ServerOptions& options, Planes planes, std::unique_ptr<Claims> claims, io::Log log)
    : options_(options),
      log_(std::move(log)),
      planes_(std::move(planes)),
      claims_(std::move(claims)),
      shards_(claims_->layout().shards),
      outbox_(planes_, peers_,
              {.bulk_endpoint = options_.advertised.bulk.empty() ? planes_.endpoints().bulk : options_.advertised.bulk,
               .heartbeat = options_.heartbeat,
               .drop_runs = options_.drop_runs},
              counters_),
      intake_(planes_, peers_, shards_, *claims_, outbox_, random_, counters_),
      next_heartbeat_(io::now() + options_.heartbeat),
      next_flood_check_(io::now()) {}

void Server::watch(int stop_fd) {
  watches_anew_ = false;
  everything_ = {};
  without_bulk_ = {};
  claims_polls_.clear();
  store_polls_.clear();
  const auto add = [&](const auto& source) {
    without_bulk_.add(source);
    return everything_.add(source);
  };
  add(stop_fd);
  add(planes_.socket(wire::Plane::control));
  for (const int fd : claims_->fds()) {
    claims_polls_.push_back(add(fd));
  }
  for (const Shard& shard : shards_.all()) {
    if (shard.fd() >= 0) {
      store_polls_.emplace_back(add(shard.fd()), shard.number());
    }
  }
  if (inquiries_ != nullptr) {
    inquiry_poll_ = add(inquiries_->fd());
  }
  everything_.add(planes_.socket(wire::Plane::bulk));
}

Result<void> Server::run(int stop_fd) {
  claims_->begin(options_.advertised.control.empty() ? planes_.endpoints().control : options_.advertised.control);
  if (auto claimed = claim(io::now()); !claimed) {
    return claimed;
  }
  for (;;) {
    if (watches_anew_) {
      watch(stop_fd);
    }
    io::Poller& poller = takes_bulk() ? everything_ : without_bulk_;
    const Instant before = io::now();
    poller.wait(std::chrono::ceil<Millis>(std::max(next_deadline(), before) - before));
    const Instant now = io::now();
    if (poller.readable(0) && !stops_at_) {
      if (auto stopping = stop(now); !stopping) {
        return stopping;
      }
    }
    if (auto turned = turn(now, poller); !turned) {
      return turned;
    }
    if (stops_at_ && (shards_.size() == 0 || *stops_at_ <= now)) {
      return {};
    }
  }
}

Result<void> Server::turn(Instant now, const io::Poller& poller) {
  // What the stores have answered goes out before anything new comes in.
  for (const auto& [index, number] : store_polls_) {
    Shard* shard = poller.readable(index) ? shards_.find(number) : nullptr;
    if (shard == nullptr) {
      continue;
    }
    if (auto heard = hear_store(*shard); !heard) {
      return heard;
    }
  }
  if (inquiry_poll_ && poller.readable(*inquiry_poll_)) {
    if (auto answered = answer_inquiries(now); !answered) {
      return answered;
    }
  }
  if (std::ranges::any_of(claims_polls_, [&](std::size_t index) { return poller.readable(index); })) {
    if (auto claimed = claim(now); !claimed) {
      return claimed;
    }
  }
  if (outbox_.release_at() && *outbox_.release_at() <= now) {
    outbox_.release_held();
  }
  receive(now);
  look_after_peers(now);
  look_for_floods(now);
  return decide(now);
}

void Server::receive(Instant now) {
  control_is_empty_ = intake_.drain(wire::Plane::control, kMessagesPerRound, now);
  bulk_is_empty_ = takes_bulk() && intake_.drain(wire::Plane::bulk, kMessagesPerRound, now);
  outbox_.take_lost(shards_);
}

Result<void> Server::hear_store(Shard& shard) {
  auto heard = shard.finish_commit(sends_);
  if (!heard && heard.error().code == ErrorCode::not_owner) {
    log_->warn("{}", heard.error().detail);
    drop(shard.number());
    return {};
  }
  if (!heard) {
    return heard;
  }
  send_all();
  if (shard.is_leaving() && shard.is_at_rest()) {
    log_->info("shard {} is given back", shard.number());
    drop(shard.number());
  }
  return {};
}

Result<void> Server::decide(Instant now) {
  for (Shard& shard : shards_.all()) {
    if (!shard.has_work(now)) {
      continue;
    }
    // A hold runs out by time alone, so the store is asked before anything is decided.
    const ShardNumber number = shard.number();
    if (auto heard = hear_store(shard); !heard) {
      return heard;
    }
    Shard* still = shards_.find(number);
    if (still == nullptr) {
      continue;
    }
    still->decide(now, sends_);
    send_all();
    if (auto heard = hear_store(*still); !heard) {
      return heard;
    }
  }
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
  outbox_.take_lost(shards_);
}

bool Server::takes_bulk() const {
  std::size_t waiting = 0;
  bool all_are_behind = shards_.size() > 0;
  for (const Shard& shard : shards_.all()) {
    waiting += shard.waiting();
    all_are_behind = all_are_behind && shard.is_behind();
  }
  // While any shard keeps up, those that do not must not hold it back: their SUBMITs are refused instead.
  return !all_are_behind && waiting < kWaitingInputs;
}

Instant Server::next_deadline() const {
  Instant next = next_flood_check_;
  if (outbox_.release_at()) {
    next = std::min(next, *outbox_.release_at());
  }
  if (peers_.size() > 0) {
    next = std::min(next, next_heartbeat_);
  }
  for (const Shard& shard : shards_.all()) {
    next = std::min(next, shard.next_deadline().value_or(next));
  }
  if (stops_at_) {
    next = std::min(next, *stops_at_);
  }
  return next;
}

}  // namespace sublet::broker
