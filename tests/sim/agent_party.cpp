#include "tests/sim/agent_party.hpp"

#include <algorithm>
#include <utility>

#include "tests/sim/pipeline.hpp"

namespace sublet::sim {

AgentParty::Process::Process(Simulation& simulation, Network& network, AgentParty& party)
    : random(simulation.dice.next()), instance(random.next()), link(network, party, instance, random) {
  const auto& plan = simulation.plan;
  const auto slice = lease_size();
  const Bytes card{(slice.count + kContext.count) * plan.sessions_per_card + kContext.count * plan.spares};
  for (std::uint32_t index = 0; index < plan.cards; ++index) cards.push_back({.ledger = CardLedger(card)});
}

AgentParty::AgentParty(std::string name, Simulation& simulation, Network& network, Chunks& chunks)
    : name_(std::move(name)),
      simulation_(simulation),
      network_(network),
      chunks_(chunks),
      clock_(simulation.clock()),
      alarm_(simulation.time, [this] { turn(); }) {}

Bytes AgentParty::lease_size() { return test_pipeline(0).lease; }

void AgentParty::start() {
  if (running()) return;
  simulation_.tell(name_, "starts");
  ++generation_;
  paused_until_ = {};
  process_ = std::make_unique<Process>(simulation_, network_, *this);
  process_->leases.looked(local());
  refill_spares();
  soon();
}

void AgentParty::crash() {
  if (!running()) return;
  simulation_.tell(name_, "dies");
  ++generation_;
  alarm_.stop();
  process_.reset();
}

void AgentParty::pause(Nanos duration) {
  if (!running()) return;
  simulation_.tell(name_, "is stopped for {} ms", duration / 1ms);
  paused_until_ = std::max(paused_until_, simulation_.time.now() + duration);
  alarm_.stop();
  alarm_.set(paused_until_);
}

void AgentParty::resume() {
  if (!paused()) return;
  paused_until_ = simulation_.time.now();
  soon();
}

SessionModel* AgentParty::any_session() {
  if (!running() || process_->sessions.empty()) return nullptr;
  auto chosen = process_->sessions.begin();
  std::advance(chosen, simulation_.dice.between(0, process_->sessions.size() - 1));
  return chosen->second->has_process() && chosen->second->state() != SessionModel::State::ended ? chosen->second.get() : nullptr;
}

void AgentParty::crash_session() {
  auto* session = any_session();
  if (session == nullptr) return;
  simulation_.tell(name_, "session of lease {} dies", to_hex(session->lease().lease).substr(0, 4));
  session->progress(local());
  session->die();
  soon();
}

void AgentParty::pause_session(Nanos duration) {
  auto* session = any_session();
  if (session == nullptr) return;
  simulation_.tell(name_, "session of lease {} is stopped", to_hex(session->lease().lease).substr(0, 4));
  session->stop_until(local() + duration);
}

void AgentParty::resume_sessions() {
  if (!running()) return;
  for (const auto& [lease, session] : process_->sessions) session->resume(local());
  soon();
}

void AgentParty::arrived(LinkId link, Packet packet) {
  if (!running()) return;
  process_->inbox.emplace_back(link, std::move(packet));
  soon();
}

void AgentParty::soon() {
  if (!paused()) alarm_.set(simulation_.time.now() + simulation_.dice.between(Nanos(5us), Nanos(200us)));
}

void AgentParty::turn() {
  if (!running()) return;
  if (paused()) return alarm_.set(paused_until_);
  const auto now = local();
  while (!process_->inbox.empty()) {
    auto [link, packet] = std::move(process_->inbox.front());
    process_->inbox.pop_front();
    const auto plane = process_->link.plane_of(link);
    if (!plane) continue;
    process_->link.heard(now);
    if (std::holds_alternative<wire::Pong>(packet.message)) continue;
    if (std::holds_alternative<wire::Ping>(packet.message)) {
      process_->link.answer(*plane, packet.request, wire::Pong{});
    } else if (*plane == wire::Plane::control) {
      on_control(std::move(packet), now);
    } else {
      on_bulk(std::move(packet), now);
    }
  }
  process_->leases.looked(now);
  look_at_processes(now);
  keep_time(now);
  if (process_->draining && go_down(now)) {
    process_->link.send_control(wire::Bye{});
    simulation_.time.after(simulation_.dice.between(Nanos(10ms), Nanos(3s)), [this] { start(); });
    return crash();
  }
  check_cards();
  set_alarm(now);
}

void AgentParty::set_alarm(Instant now) {
  Instant next = process_->link.next_due();
  const auto sooner = [&next](std::optional<Instant> due) { next = due ? std::min(next, *due) : next; };
  sooner(process_->leases.next_due(process_->link.up()));
  for (const auto& [lease, session] : process_->sessions) {
    sooner(session->look_at());
    sooner(session->next_event());
  }
  if (process_->draining) sooner(now < process_->drain_until ? process_->drain_until : std::max(now + 10ms, process_->farewell_until));
  alarm_.set(std::max(clock_.global(next), simulation_.time.now() + 10us));
}

void AgentParty::look_at_processes(Instant now) {
  for (const auto& [lease, session] : process_->sessions) {
    if (session->state() == SessionModel::State::ended) continue;
    session->progress(now);
    if (session->dead()) {
      end_session(*session, {.code = ErrorCode::session_lost, .detail = "the session process has ended"}, ErrorCode::session_lost, now);
    } else if (session->device_broken()) {
      end_session(*session, {.code = ErrorCode::session_lost, .detail = "a chunk left the device unusable"}, ErrorCode::session_lost, now);
    } else if (session->window_changed()) {
      process_->link.send_control(session->window());
    }
    send_settles(*session, now);
  }
}

void AgentParty::keep_time(Instant now) {
  process_->link.tick(now);
  if (process_->link.wants_to_greet(now)) {
    process_->hello_request = process_->link.greet(held_leases(), now);
    process_->seen_leases = 0;
    process_->asked.clear();
    process_->leases.renew_sent(process_->hello_request, now);
  }
  for (const auto lease : process_->leases.expired(now)) {
    simulation_.tell(name_, "lease {} has expired", to_hex(lease).substr(0, 4));
    drop_session(lease);
    process_->sessions.at(lease)->set_farewell(ErrorCode::lease_expired);
  }
  for (const auto& [lease, session] : process_->sessions) {
    if (const auto look_at = session->look_at(); look_at && *look_at <= now && session->stuck(now)) {
      end_session(*session, {.code = ErrorCode::kernel_timeout, .detail = "the chunk ran past its time"}, ErrorCode::session_lost, now);
      send_settles(*session, now);
    }
  }
  if (process_->link.up() && process_->leases.renew_due(now)) {
    if (const auto request = process_->link.send_control(wire::Renew{.leases = held_leases()}); request != 0) {
      process_->leases.renew_sent(request, now);
    }
    repeat_settles(now, 2s);
  }
  bury_finished();
  refill_spares();
  send_offer();
}

std::vector<wire::HeldLease> AgentParty::held_leases() const {
  std::vector<wire::HeldLease> held;
  for (const auto& [lease, session] : process_->sessions) {
    if (process_->leases.holds(lease)) held.push_back(session->held());
  }
  return held;
}

bool AgentParty::lets_go(LeaseId lease, GrantId grant) const {
  if (!running()) return true;
  const auto session = process_->sessions.find(lease);
  if (session == process_->sessions.end()) return true;
  const auto held = session->second->held();
  if (std::ranges::find(held.grants, grant.value) == held.grants.end()) return true;
  const auto deadline = process_->leases.deadline(lease);
  return !deadline || *deadline <= local();
}

void AgentParty::check_cards() const {
  for (std::size_t index = 0; index < process_->cards.size(); ++index) {
    const auto& ledger = process_->cards[index].ledger;
    std::uint64_t taken = ledger.offered().count + process_->cards[index].spares * kContext.count;
    for (const auto& [lease, session] : process_->sessions) {
      if (session->lease().card != index || session->freed) continue;
      taken += session->lease().bytes + session->context.count;
    }
    if (taken > ledger.card().count) {
      throw Violation(fmt::format("a card is never oversubscribed: card {} of {} has {} of {} bytes in use and on offer", index, name_,
                                  taken, ledger.card().count));
    }
  }
}

}  // namespace sublet::sim
