#include "tests/sim/broker_party.hpp"

#include <algorithm>
#include <utility>

#include "broker/planes.hpp"
#include "common/wire/codec.hpp"

namespace sublet::sim {
namespace {

constexpr Millis kHeartbeat = 1s;
constexpr int kHeartbeatsUntilGone = 3;
/// How long a broker holds its store without renewing.
constexpr Millis kHold = 1500ms;

/// Whether a write lets something new in.
bool admits(const broker::Write& write) {
  const auto kind = write.key.kind;
  return !std::holds_alternative<broker::Erase>(write.value) && (kind == broker::RecordKind::batch || kind == broker::RecordKind::payload ||
                                                                 kind == broker::RecordKind::job || kind == broker::RecordKind::bundle);
}

broker::BrokerOptions rules_by(broker::BrokerOptions rules, std::uint64_t clock) {
  rules.clock = clock;
  return rules;
}

Blob joined(std::vector<Blob> pieces) {
  if (pieces.size() <= 1) return pieces.empty() ? Blob() : std::move(pieces.front());
  std::vector<std::byte> bytes;
  for (const auto& piece : pieces) bytes.insert(bytes.end(), piece.view().begin(), piece.view().end());
  return Blob::copy_of(bytes);
}

}  // namespace

BrokerParty::Process::Process(Simulation& simulation, Disk& disk, std::uint64_t clock, std::function<void()> answered)
    : random(simulation.dice.next()),
      store(simulation, disk, std::move(answered)),
      core(rules_by(simulation.plan.rules, clock), store.info(), random) {}

BrokerParty::BrokerParty(std::string name, Simulation& simulation, Network& network, Disk& disk, Checker& checker,
                         std::function<void()> exited)
    : name_(std::move(name)),
      simulation_(simulation),
      network_(network),
      disk_(disk),
      checker_(checker),
      exited_(std::move(exited)),
      clock_(simulation.clock()),
      alarm_(simulation.time, [this] { turn(); }) {}

void BrokerParty::start() {
  if (running()) return;
  if (disk_.away()) {
    simulation_.time.after(200ms, [this] { start(); });
    return;
  }
  // Another host may have another clock.
  if (simulation_.dice.chance(0.5)) {
    clock_ = simulation_.clock();
    ++clock_changes_;
  }
  paused_until_ = {};
  const auto clock = simulation_.plan.knows_clocks ? std::hash<std::string>{}(name_) + clock_changes_ : 0;
  process_ = std::make_unique<Process>(simulation_, disk_, clock, [this] { soon(); });
  const auto now = local();
  auto records = process_->store.load();
  const auto restored = process_->core.restore(std::move(*records), now);
  if (!restored) throw Violation(fmt::format("a broker starts from every store that a broker wrote: {}", to_text(restored.error())));
  simulation_.tell(name_, "starts, epoch {}", process_->store.epoch());
  process_->next_heartbeat = now + kHeartbeat;
  process_->held_until = now + kHold;
  network_.listen(this);
  soon();
}

void BrokerParty::crash(std::string_view why) {
  if (!running()) return;
  simulation_.tell(name_, "dies: {}", why);
  alarm_.stop();
  process_.reset();
  network_.died(*this);
}

void BrokerParty::pause(Nanos duration) {
  if (!running()) return;
  simulation_.tell(name_, "is stopped for {} ms", duration / 1ms);
  paused_until_ = std::max(paused_until_, simulation_.time.now() + duration);
  alarm_.stop();
  alarm_.set(paused_until_);
}

void BrokerParty::resume() {
  if (!paused()) return;
  paused_until_ = simulation_.time.now();
  alarm_.stop();
  soon();
}

void BrokerParty::arrived(wire::Plane plane, const std::string& from, Packet packet) {
  if (!running()) return;
  (plane == wire::Plane::control ? process_->control : process_->bulk).push_back({.from = from, .packet = std::move(packet)});
  soon();
}

void BrokerParty::soon() {
  if (!paused()) alarm_.set(simulation_.time.now() + simulation_.dice.between(Nanos(5us), Nanos(300us)));
}

void BrokerParty::turn() {
  if (!running()) return;
  if (paused()) return alarm_.set(paused_until_);
  const auto now = local();
  if (!watch_store(now)) return;
  if (!finish_commit(now)) return;
  take_all(wire::Plane::control, process_->control, now);
  take_all(wire::Plane::bulk, process_->bulk, now);
  look_after_peers(now);
  decide(now);
  if (running()) set_alarm(now);
}

/// Whether the store may still be this broker's. One whose hold has run out decides nothing before it knows.
bool BrokerParty::watch_store(Instant now) {
  const auto& health = process_->store.health();
  if (process_->store.owns()) {
    if (health.ready) process_->held_until = now + kHold;
  } else if (now >= process_->held_until) {
    crash("another broker owns its store");
    exited_();
    return false;
  }
  process_->store_ready = now < process_->held_until;
  if (health.full != process_->store_full) {
    process_->store_full = health.full;
    process_->core.set_store_full(health.full);
  }
  return true;
}

void BrokerParty::take_all(wire::Plane plane, std::deque<Arrived>& arrived, Instant now) {
  while (!arrived.empty()) {
    auto next = std::move(arrived.front());
    arrived.pop_front();
    take(plane, std::move(next), now);
  }
}

void BrokerParty::take(wire::Plane plane, Arrived arrived, Instant now) {
  auto& packet = arrived.packet;
  if (const auto* hello = std::get_if<wire::Hello>(&packet.message)) {
    return plane == wire::Plane::control ? hello_on_control(arrived, *hello, now) : hello_on_bulk(arrived, *hello, now);
  }
  auto* const peer = process_->peers.find(plane, arrived.from);
  if (peer == nullptr) {
    if (std::holds_alternative<wire::ErrorReply>(packet.message)) return;
    return answer(arrived.from, packet.request, wire::ErrorReply{.code = ErrorCode::hello_required, .detail = "say HELLO on both planes"});
  }
  peer->heard = now;
  if (std::holds_alternative<wire::Ping>(packet.message)) return answer(arrived.from, packet.request, wire::Pong{});
  if (std::holds_alternative<wire::Pong>(packet.message)) return;
  const bool leaves = std::holds_alternative<wire::Bye>(packet.message);
  process_->inputs.emplace_back(broker::Received{
      .peer = peer->id, .request = packet.request, .message = std::move(packet.message), .payload = std::move(packet.payload)});
  if (leaves) forget(peer);
}

void BrokerParty::hello_on_control(const Arrived& arrived, const wire::Hello& hello, Instant now) {
  forget(process_->peers.find_instance(hello.instance, hello.shard));
  forget(process_->peers.find(wire::Plane::control, arrived.from));
  const auto& peer = process_->peers.add(arrived.from, hello, process_->random.token(), now);
  process_->inputs.emplace_back(broker::Received{.peer = peer.id, .request = arrived.packet.request, .message = hello, .payload = {}});
}

void BrokerParty::hello_on_bulk(const Arrived& arrived, const wire::Hello& hello, Instant now) {
  const auto tied = process_->peers.tie(arrived.from, hello);
  if (!tied)
    return answer(arrived.from, arrived.packet.request, wire::ErrorReply{.code = tied.error().code, .detail = tied.error().detail});
  auto& peer = **tied;
  peer.heard = now;
  answer(arrived.from, arrived.packet.request, peer.welcome);
  const auto id = peer.id;
  for (auto& waiting : std::exchange(peer.waiting, {})) {
    if (auto* still = process_->peers.find(id); still != nullptr) deliver(*still, std::move(waiting));
  }
}

void BrokerParty::look_after_peers(Instant now) {
  if (now < process_->next_heartbeat) return;
  const bool held_up = now > process_->next_heartbeat + kHeartbeat;
  process_->next_heartbeat = now + kHeartbeat;
  for (const auto id : process_->peers.silent_since(now - kHeartbeat)) {
    auto& peer = *process_->peers.find(id);
    if (held_up || peer.heard >= now - kHeartbeatsUntilGone * kHeartbeat) {
      deliver(peer, {.peer = id, .request = 0, .message = wire::Ping{}, .payload = {}});
      continue;
    }
    simulation_.tell(name_, "peer {} is silent", id.value);
    forget(&peer);
  }
}

bool BrokerParty::finish_commit(Instant now) {
  for (auto& payload : process_->store.fetched()) {
    process_->inputs.emplace_back(broker::Fetched{.key = payload.key, .bytes = std::move(payload.bytes)});
  }
  if (!process_->in_flight) return true;
  auto result = process_->store.finished();
  if (!result) return true;
  if (result->refused) {
    result->refused->draining = true;
    process_->store.begin(std::move(*result->refused));
    return true;
  }
  process_->in_flight = false;
  if (!result->outcome) {
    crash(to_text(result->outcome.error()));
    exited_();
    return false;
  }
  process_->store.want(process_->core.stored(now));
  send_all();
  return true;
}

void BrokerParty::decide(Instant now) {
  const auto due = process_->core.next_deadline();
  if (process_->in_flight || !process_->store_ready || (process_->inputs.empty() && (!due || *due > now))) return;
  for (const auto& input : process_->inputs) {
    if (const auto* received = std::get_if<broker::Received>(&input))
      checker_.heard(process_->store.epoch(), received->peer, received->request, received->message);
  }
  auto step = process_->core.step(now, process_->inputs);
  process_->inputs.clear();
  process_->store.want(std::move(step.fetches));
  checker_.decided(step);
  process_->sends = std::move(step.sends);
  if (step.writes.empty()) return send_all();
  auto early = broker::take_early(process_->sends);
  commit(std::move(step.writes));
  for (auto& next : early) send(std::move(next));
  finish_commit(now);
}

void BrokerParty::commit(std::vector<broker::Write> writes) {
  const bool draining = process_->store_full || std::ranges::none_of(writes, admits);
  process_->store.begin({.number = ++process_->last_commit, .writes = std::move(writes), .draining = draining});
  process_->in_flight = true;
}

void BrokerParty::send_all() {
  const auto is_for_worker = [&](const broker::Send& send) {
    const auto* peer = process_->peers.find(send.peer);
    return peer != nullptr && peer->role == wire::Role::worker;
  };
  std::ranges::stable_partition(process_->sends, is_for_worker);
  for (auto& next : std::exchange(process_->sends, {})) send(std::move(next));
}

void BrokerParty::send(broker::Send send) {
  if (process_->store.owns() && !disk_.lost_commits()) checker_.leaves(disk_, send);
  auto* const peer = process_->peers.find(send.peer);
  if (peer == nullptr) return;
  if (auto* welcome = std::get_if<wire::Welcome>(&send.message)) {
    welcome->token = peer->token;
    welcome->bulk = "bulk";
    welcome->heartbeat_ms = static_cast<std::uint32_t>(kHeartbeat.count());
    peer->welcome = *welcome;
  }
  if (broker::plane_of(wire::type_of(send.message)) == wire::Plane::bulk && peer->bulk.empty()) {
    peer->waiting.push_back(std::move(send));
    return;
  }
  deliver(*peer, std::move(send));
}

void BrokerParty::deliver(broker::Peer& peer, broker::Send send) {
  const auto& to = broker::plane_of(wire::type_of(send.message)) == wire::Plane::control ? peer.control : peer.bulk;
  if (network_.send_back(to, {.request = send.request, .message = std::move(send.message), .payload = joined(std::move(send.payload))}))
    return;
  forget(&peer);
}

void BrokerParty::answer(const std::string& to, std::uint64_t request, wire::Message message) {
  network_.send_back(to, {.request = request, .message = std::move(message), .payload = {}});
}

void BrokerParty::forget(broker::Peer* peer) {
  if (peer == nullptr) return;
  process_->inputs.emplace_back(broker::PeerGone{peer->id});
  process_->peers.remove(peer->id);
}

void BrokerParty::set_alarm(Instant now) {
  const bool decides = process_->store_ready && !process_->in_flight;
  if (decides && !process_->inputs.empty()) return soon();
  std::optional<Instant> next;
  if (!process_->store_ready || process_->store_full) next = now + 50ms;
  if (process_->peers.size() > 0) next = std::min(next.value_or(process_->next_heartbeat), process_->next_heartbeat);
  if (const auto due = process_->core.next_deadline(); due && decides) next = std::min(next.value_or(*due), *due);
  if (next) alarm_.set(clock_.global(std::max(*next, now)));
}

}  // namespace sublet::sim
