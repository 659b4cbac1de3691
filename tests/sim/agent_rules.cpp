// What an agent does about messages and sessions, as gpu-worker/agent does it.

#include <algorithm>
#include <utility>

#include "tests/sim/agent_party.hpp"
#include "tests/sim/pipeline.hpp"

namespace sublet::sim {
namespace {

constexpr BrokerId kBroker{1};
constexpr Millis kDrain = 2s;
constexpr Millis kFarewell = 500ms;

}  // namespace

void AgentParty::on_control(Packet packet, Instant now) {
  if (const auto* welcome = std::get_if<wire::Welcome>(&packet.message)) {
    on_welcome(packet, *welcome, now);
  } else if (const auto* lease = std::get_if<wire::Lease>(&packet.message)) {
    on_lease(*lease);
  } else if (const auto* renewed = std::get_if<wire::Renewed>(&packet.message)) {
    on_renewed(packet.request, renewed->leases);
  } else if (const auto* release = std::get_if<wire::Release>(&packet.message)) {
    on_release(*release);
  } else if (const auto* error = std::get_if<wire::ErrorReply>(&packet.message)) {
    on_error(packet.request, *error, now);
  }
}

void AgentParty::on_bulk(Packet packet, Instant now) {
  if (std::holds_alternative<wire::Run>(packet.message)) {
    on_run(std::move(packet), now);
  } else if (const auto* settled = std::get_if<wire::Settled>(&packet.message)) {
    const auto session = process_->sessions.find(settled->lease);
    if (session != process_->sessions.end()) session->second->unsettled().erase(settled->grant);
  } else if (const auto* welcome = std::get_if<wire::Welcome>(&packet.message)) {
    if (process_->link.state() != AgentLink::State::greeting_bulk) return;
    process_->link.welcomed(*welcome, now);
    on_up(now);
  } else if (const auto* bundle = std::get_if<wire::BundleReply>(&packet.message)) {
    process_->bundles.insert(bundle->hash);
    start_waiting(bundle->hash);
  } else if (const auto* error = std::get_if<wire::ErrorReply>(&packet.message)) {
    on_error(packet.request, *error, now);
  }
}

void AgentParty::on_welcome(const Packet& packet, const wire::Welcome& welcome, Instant now) {
  if (process_->link.state() != AgentLink::State::greeting_control || packet.request != process_->hello_request) return;
  if (process_->store && *process_->store != welcome.store) {
    for (const auto& [lease, session] : process_->sessions) drop_session(lease);
  }
  process_->store = welcome.store;
  on_renewed(packet.request, welcome.leases);
  process_->link.welcomed(welcome, now);
}

void AgentParty::on_up(Instant now) {
  process_->offer_due = true;
  send_offer();
  repeat_settles(now, Millis(0));
  for (const auto& [lease, session] : process_->sessions) {
    if (session->state() == SessionModel::State::waiting_for_bundle) {
      ask_for(session->lease().pipeline);
    } else if (session->state() != SessionModel::State::starting) {
      process_->link.send_control(session->window());
    }
  }
}

Result<void> AgentParty::grant(const wire::Lease& lease) {
  if (lease.card >= process_->cards.size()) return fail(ErrorCode::not_found, "no such card");
  auto& ledger = process_->cards[lease.card].ledger;
  if (ledger.leases() >= simulation_.plan.sessions_per_card) return fail(ErrorCode::no_capacity, "all sessions of the card are taken");
  return ledger.grant(lease.lease, kBroker, Bytes{lease.bytes});
}

void AgentParty::on_lease(const wire::Lease& lease) {
  ++process_->seen_leases;
  process_->offer_due = true;
  if (process_->sessions.contains(lease.lease)) return;
  const auto granted = process_->draining ? fail(ErrorCode::draining, "going down") : grant(lease);
  if (!granted) {
    process_->link.send_control(wire::Release{.lease = lease.lease, .code = granted.error().code, .detail = granted.error().detail});
    return;
  }
  process_->sessions.emplace(lease.lease, std::make_unique<SessionModel>(simulation_, chunks_, lease));
  process_->leases.add(lease.lease, Millis(lease.ttl_ms));
  if (process_->bundles.contains(lease.pipeline)) return start_waiting(lease.pipeline);
  ask_for(lease.pipeline);
}

void AgentParty::on_renewed(std::uint64_t request, const std::vector<wire::LeaseTtl>& ttls) {
  for (const auto lease : process_->leases.renewed(request, ttls)) drop_session(lease);
}

void AgentParty::on_release(const wire::Release& release) {
  const auto session = process_->sessions.find(release.lease);
  if (session == process_->sessions.end()) {
    process_->link.send_control(wire::Release{.lease = release.lease, .code = ErrorCode::ok, .detail = {}});
    return;
  }
  drop_session(release.lease);
  session->second->set_farewell(ErrorCode::ok);
}

void AgentParty::on_error(std::uint64_t request, const wire::ErrorReply& error, Instant now) {
  if (error.code == ErrorCode::hello_required) return process_->link.lose(now);
  if (const auto asked = process_->asked.extract(request)) {
    for (const auto& [lease, session] : process_->sessions) {
      if (session->state() != SessionModel::State::waiting_for_bundle || session->lease().pipeline != asked.mapped()) continue;
      end_session(*session, {.code = error.code, .detail = error.detail}, error.code, now);
    }
    return;
  }
  if (process_->link.state() == AgentLink::State::greeting_control || process_->link.state() == AgentLink::State::greeting_bulk) {
    return process_->link.lose(now);
  }
  const bool pressure = error.code == ErrorCode::resource_exhausted || error.code == ErrorCode::store_unavailable;
  for (const auto& [lease, session] : process_->sessions) {
    std::erase_if(session->unsettled(), [&](const auto& entry) { return !pressure && request != 0 && entry.second.request == request; });
  }
}

void AgentParty::on_run(Packet packet, Instant now) {
  auto& run = std::get<wire::Run>(packet.message);
  const auto found = process_->sessions.find(run.lease);
  if (found == process_->sessions.end() || !found->second->has_process() || !process_->leases.holds(run.lease)) {
    return refuse_run(run, ErrorCode::returned);
  }
  auto& session = *found->second;
  const auto copy = run;
  if (!session.run(std::move(run), std::move(packet.payload), now)) refuse_run(copy, ErrorCode::returned);
  send_settles(session, now);
}

void AgentParty::ask_for(const ContentHash& pipeline) {
  if (!process_->link.up()) return;
  const auto waits = std::ranges::any_of(process_->asked, [&](const auto& asked) { return asked.second == pipeline; });
  if (waits) return;
  if (const auto request = process_->link.send_bulk(wire::Get{.hash = pipeline}); request != 0) process_->asked[request] = pipeline;
}

void AgentParty::start_waiting(const ContentHash& pipeline) {
  for (const auto& [lease, session] : process_->sessions) {
    if (session->state() != SessionModel::State::waiting_for_bundle || session->lease().pipeline != pipeline) continue;
    auto& card = process_->cards[session->lease().card];
    const bool warm = card.spares > 0;
    const auto counted = warm ? card.ledger.spare_taken(kContext) : card.ledger.context_changed({}, kContext);
    if (!counted) {
      end_session(*session, counted.error(), counted.error().code, local());
      continue;
    }
    if (warm) --card.spares;
    session->context = kContext;
    session->begin_start();
    const auto delay = warm ? simulation_.dice.between(Nanos(100us), Nanos(5ms)) : simulation_.dice.between(Nanos(20ms), Nanos(400ms));
    simulation_.time.after(delay, [this, generation = generation_, id = lease] {
      if (generation != generation_ || !running()) return;
      const auto started = process_->sessions.find(id);
      if (started == process_->sessions.end() || started->second->state() != SessionModel::State::starting) return;
      started->second->came_up();
      process_->link.send_control(started->second->window());
      soon();
    });
  }
}

void AgentParty::end_session(SessionModel& session, const Error& error, ErrorCode farewell, Instant now) {
  const bool was_up = session.state() == SessionModel::State::up;
  session.end(error, now);
  session.set_farewell(farewell);
  if (was_up) process_->link.send_control(session.window());
  reap_later(session.lease().lease);
}

void AgentParty::drop_session(LeaseId lease) {
  process_->leases.remove(lease);
  const auto session = process_->sessions.find(lease);
  if (session == process_->sessions.end()) return;
  session->second->drop();
  reap_later(lease);
}

/// A process that is killed is gone a little later, and its memory with it.
void AgentParty::reap_later(LeaseId lease) {
  auto& session = *process_->sessions.at(lease);
  if (!session.has_process()) return free_slice(session);
  simulation_.time.after(simulation_.dice.between(Nanos(1ms), Nanos(60ms)), [this, generation = generation_, lease] {
    if (generation == generation_ && running()) reap(lease);
  });
}

void AgentParty::reap(LeaseId lease) {
  const auto session = process_->sessions.find(lease);
  if (session == process_->sessions.end() || !session->second->has_process()) return;
  session->second->reaped();
  free_slice(*session->second);
  soon();
}

void AgentParty::free_slice(SessionModel& session) {
  if (std::exchange(session.freed, true)) return;
  auto& ledger = process_->cards[session.lease().card].ledger;
  const auto released = ledger.release(session.lease().lease);
  const auto left = ledger.context_changed(session.context, {});
  if (!released || !left) throw Violation("the ledger has what a session took: a slice could not be given back");
  process_->offer_due = true;
}

void AgentParty::refill_spares() {
  for (auto& card : process_->cards) {
    while (!process_->draining && card.spares < simulation_.plan.spares &&
           card.ledger.set_spares(Bytes{kContext.count * (card.spares + 1)})) {
      ++card.spares;
      process_->offer_due = true;
    }
  }
}

void AgentParty::send_settles(SessionModel& session, Instant now) {
  for (auto* settle : session.fresh_settles()) send_settle(*settle, now);
}

void AgentParty::send_settle(SessionModel::Unsettled& settle, Instant now) {
  settle.request = process_->link.send_bulk(settle.message, settle.outputs);
  settle.tried = now;
}

void AgentParty::repeat_settles(Instant now, Millis older_than) {
  for (const auto& [lease, session] : process_->sessions) {
    for (auto& [grant, settle] : session->unsettled()) {
      if (!settle.tried || now - *settle.tried >= older_than || settle.request == 0) send_settle(settle, now);
    }
  }
}

void AgentParty::refuse_run(const wire::Run& run, ErrorCode code) {
  const auto chunks = run.lengths.values.size();
  wire::Settle settle{.lease = run.lease, .grant = run.grant, .token = run.token};
  settle.codes.values.assign(chunks, static_cast<std::uint16_t>(code));
  settle.lengths.values.assign(chunks, 0);
  process_->link.send_bulk(std::move(settle));
}

void AgentParty::bury_finished() {
  for (auto entry = process_->sessions.begin(); entry != process_->sessions.end();) {
    auto& session = *entry->second;
    if (!session.finished()) {
      ++entry;
      continue;
    }
    if (session.farewell() && process_->link.up()) process_->link.send_control(*session.farewell());
    process_->leases.remove(session.lease().lease);
    entry = process_->sessions.erase(entry);
  }
}

void AgentParty::send_offer() {
  if (!process_->offer_due || !process_->link.up()) return;
  process_->offer_due = false;
  wire::Offer offer{.seen = process_->seen_leases, .cards = {}};
  for (std::uint32_t index = 0; index < process_->cards.size(); ++index) {
    auto& ledger = process_->cards[index].ledger;
    const auto free = ledger.offer(kBroker, ledger.free() + ledger.offered(kBroker));
    const auto leases = static_cast<std::uint32_t>(ledger.leases());
    const auto most = simulation_.plan.sessions_per_card;
    offer.cards.push_back({.index = index,
                           .kind = "cpu",
                           .name = name_,
                           .total_bytes = ledger.card().count,
                           .free_bytes = process_->draining ? 0 : free.count,
                           .free_sessions = process_->draining ? 0 : most - std::min(leases, most)});
  }
  process_->link.send_control(std::move(offer));
}

void AgentParty::drain() {
  if (!running() || process_->draining || paused()) return;
  simulation_.tell(name_, "goes down");
  const auto now = local();
  process_->draining = true;
  process_->drain_until = now + kDrain;
  process_->farewell_until = process_->drain_until + kFarewell;
  process_->offer_due = true;
  for (const auto& [lease, session] : process_->sessions) {
    if (session->state() != SessionModel::State::up) {
      end_session(*session, {.code = ErrorCode::draining, .detail = "going down"}, ErrorCode::draining, now);
      continue;
    }
    session->progress(now);
    session->drain();
    process_->link.send_control(session->window());
    send_settles(*session, now);
  }
  soon();
}

/// Whether everything is handed back, or the time for it is over.
bool AgentParty::go_down(Instant now) {
  for (const auto& [lease, session] : process_->sessions) {
    const bool through = session->idle() && session->unsettled().empty();
    if (session->state() != SessionModel::State::ended && (through || now >= process_->drain_until)) {
      end_session(*session, {.code = ErrorCode::draining, .detail = "going down"}, ErrorCode::draining, now);
      send_settles(*session, now);
    }
  }
  if (now >= process_->farewell_until || !process_->link.up()) {
    for (const auto& [lease, session] : process_->sessions) session->drop();
  }
  bury_finished();
  return process_->sessions.empty() || now >= process_->farewell_until + kFarewell;
}

}  // namespace sublet::sim
