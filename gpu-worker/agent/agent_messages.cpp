#include <algorithm>
#include <utility>

#include <fmt/format.h>

#include "gpu-worker/agent/agent.hpp"

namespace sublet::agent {
namespace {

/// Bulk messages, and their bytes, between two looks at everything else: heartbeats must not wait for long copies.
constexpr int kBulkPerRound = 32;
constexpr std::size_t kBulkBytesPerRound = std::size_t{4} << 20U;

}  // namespace

void Agent::receive(ShardLink& link, Instant now) {
  const auto take_control = [this, &link, now] {
    while (auto incoming = link.broker.receive_control(now)) {
      on_control(link, std::move(*incoming), now);
    }
  };
  take_control();
  std::size_t bytes = 0;
  for (int taken = 0; taken < kBulkPerRound && bytes < kBulkBytesPerRound; ++taken) {
    auto incoming = link.broker.receive_bulk(now);
    if (!incoming) {
      break;
    }
    bytes += incoming->payload.size();
    on_bulk(link, std::move(*incoming), now);
    take_control();
  }
  link.leases.looked(now);
}

void Agent::on_control(ShardLink& link, Incoming incoming, Instant now) {
  if (const auto* welcome = std::get_if<wire::Welcome>(&incoming.message)) {
    on_welcome(link, incoming, *welcome, now);
  } else if (const auto* lease = std::get_if<wire::Lease>(&incoming.message)) {
    on_lease(link, *lease, now);
  } else if (const auto* want = std::get_if<wire::Want>(&incoming.message)) {
    on_want(link, *want);
  } else if (const auto* renewed = std::get_if<wire::Renewed>(&incoming.message)) {
    on_renewed(link, incoming.header.request, renewed->leases, now);
  } else if (const auto* release = std::get_if<wire::Release>(&incoming.message)) {
    on_release(link, *release, now);
  } else if (const auto* error = std::get_if<wire::ErrorReply>(&incoming.message)) {
    on_error(link, incoming.header.request, *error, now);
  } else if (std::holds_alternative<wire::Bye>(incoming.message)) {
    link.broker.lose("it is going down", now);
  } else {
    log_->warn("the broker sent {} on the control plane, which means nothing to a worker", wire::name_of(incoming.header.type));
  }
}

void Agent::on_bulk(ShardLink& link, Incoming incoming, Instant now) {
  if (std::holds_alternative<wire::Run>(incoming.message)) {
    on_run(link, std::move(incoming), now);
  } else if (const auto* settled = std::get_if<wire::Settled>(&incoming.message)) {
    if (LeasedSession* session = find_session(link, settled->lease); session != nullptr) {
      session->settled(settled->grant);
    }
  } else if (std::holds_alternative<wire::Welcome>(incoming.message)) {
    if (link.broker.state() == BrokerLink::State::greeting_bulk) {
      link.broker.welcomed(std::get<wire::Welcome>(incoming.message), now);
      on_up(link, now);
    }
  } else if (const auto* bundle = std::get_if<wire::BundleReply>(&incoming.message)) {
    on_bundle(link, *bundle, incoming.payload, now);
  } else if (const auto* error = std::get_if<wire::ErrorReply>(&incoming.message)) {
    on_error(link, incoming.header.request, *error, now);
  } else {
    log_->warn("the broker sent {} on the bulk plane, which means nothing to a worker", wire::name_of(incoming.header.type));
  }
}

void Agent::on_welcome(ShardLink& link, const Incoming& incoming, const wire::Welcome& welcome, Instant now) {
  if (link.broker.state() != BrokerLink::State::greeting_control || incoming.header.request != link.hello_request) {
    return;
  }
  if (link.store && *link.store != welcome.store) {
    const auto sessions = sessions_of(link);
    log_->warn("the broker has another store than before: {} leases of shard {} are void", sessions.size(), link.number);
    for (LeasedSession* session : sessions) {
      drop_session(*session, now);
    }
  }
  link.store = welcome.store;
  shards_ = std::max(shards_, std::min(welcome.shards, kMaxShards));
  on_renewed(link, incoming.header.request, welcome.leases, now);
  link.broker.welcomed(welcome, now);
}

void Agent::on_up(ShardLink& link, Instant now) {
  deal_due_ = true;
  deal();
  repeat_settles(link, now, Millis(0));
  for (LeasedSession* session : sessions_of(link)) {
    if (session->waits_for_bundle()) {
      ask_for(link, session->lease().pipeline);
    } else if (session->state() != LeasedSession::State::starting) {
      send_window(*session);
    }
  }
}

void Agent::on_want(ShardLink& link, const wire::Want& want) {
  dealer_.wants(link.number, want.sessions, Bytes{want.bytes}, Bytes{want.least_bytes});
  deal_due_ = true;
}

Result<void> Agent::may_take(const ShardLink& link, const wire::Lease& lease) {
  if (draining_) {
    return fail(ErrorCode::draining, "this worker is going down");
  }
  if (sessions_.contains(lease.lease)) {
    return fail(ErrorCode::duplicate, "another shard has granted a lease of that id");
  }
  return cards_.grant(lease, link.ledger_name());
}

void Agent::on_lease(ShardLink& link, const wire::Lease& lease, Instant now) {
  ++link.seen_leases;
  deal_due_ = true;
  if (find_session(link, lease.lease) != nullptr) {
    return;
  }
  const Result<void> granted = may_take(link, lease);
  if (!granted) {
    link.broker.send_control(wire::Release{.lease = lease.lease, .code = granted.error().code, .detail = granted.error().detail});
    return;
  }
  dealer_.took(link.number);
  sessions_.emplace(lease.lease, std::make_unique<LeasedSession>(link.number, lease));
  link.leases.add(lease.lease, Millis(lease.ttl_ms));
  if (bundles_.find(lease.pipeline)) {
    start_waiting(lease.pipeline, now);
    return;
  }
  ask_for(link, lease.pipeline);
}

void Agent::on_renewed(ShardLink& link, std::uint64_t request, const std::vector<wire::LeaseTtl>& ttls, Instant now) {
  for (const LeaseId lease : link.leases.renewed(request, ttls)) {
    log_->warn("lease {} has ended by the broker's account", to_hex(lease));
    drop_session(*sessions_.at(lease), now);
  }
  for (LeasedSession* session : sessions_of(link)) {
    if (const auto deadline = link.leases.deadline(session->id())) {
      session->set_deadline(*deadline);
    }
  }
}

void Agent::on_release(ShardLink& link, const wire::Release& release, Instant now) {
  LeasedSession* const session = find_session(link, release.lease);
  if (session == nullptr) {
    // Gone before the broker asked; it wants to hear so.
    link.broker.send_control(wire::Release{.lease = release.lease, .code = ErrorCode::ok, .detail = {}});
    return;
  }
  drop_session(*session, now);
  session->set_farewell(ErrorCode::ok, {});
}

void Agent::on_error(ShardLink& link, std::uint64_t request, const wire::ErrorReply& error, Instant now) {
  if (error.code == ErrorCode::hello_required) {
    link.broker.start_anew("it does not know this connection any more", now);
    return;
  }
  if (error.code == ErrorCode::not_owner) {
    link.broker.redirected(error, now);
    return;
  }
  const auto asked = link.asked.extract(request);
  if (asked) {
    fail_waiting(link, asked.mapped(), {.code = error.code, .detail = error.detail}, now);
    return;
  }
  on_refusal(link, request, error, now);
}

void Agent::on_refusal(ShardLink& link, std::uint64_t request, const wire::ErrorReply& error, Instant now) {
  const auto reason = to_text({.code = error.code, .detail = error.detail});
  if (link.broker.state() == BrokerLink::State::greeting_control || link.broker.state() == BrokerLink::State::greeting_bulk) {
    // It says so once, however long the broker waits for its store.
    link.broker.lose(reason, now);
    return;
  }
  log_->warn("the broker refuses a message: {}", reason);
  // A settle refused for what it is would be refused again; one refused for pressure is repeated with the next renewal.
  if (error.code == ErrorCode::resource_exhausted || error.code == ErrorCode::store_unavailable || request == 0) {
    return;
  }
  for (LeasedSession* session : sessions_of(link)) {
    std::erase_if(session->unsettled(), [&](const auto& entry) { return entry.second.request == request; });
  }
}

void Agent::on_run(ShardLink& link, Incoming incoming, Instant now) {
  auto& run = std::get<wire::Run>(incoming.message);
  LeasedSession* const session = find_session(link, run.lease);
  if (session == nullptr || session->channel() == nullptr || !link.leases.holds(run.lease)) {
    refuse_run(link, run, ErrorCode::returned);
    return;
  }
  wire::Run answered{.lease = run.lease, .grant = run.grant, .token = run.token, .job = {}, .chunks = {}, .lengths = {}};
  const std::size_t chunks = run.lengths.values.size();
  const auto taken = session->run(std::move(run), std::move(incoming.payload), now);
  if (!taken) {
    log_->warn("{}", to_text(taken.error()));
    const bool malformed = taken.error().code == ErrorCode::bad_message;
    if (!malformed && session->state() == LeasedSession::State::up) {
      break_session(*session, {.code = ErrorCode::session_lost, .detail = taken.error().detail}, now);
    } else {
      answered.lengths.values.resize(chunks);
      refuse_run(link, answered, malformed ? ErrorCode::bad_message : ErrorCode::returned);
    }
  }
  send_settles(*session, now);
}

void Agent::on_bundle(ShardLink& link, const wire::BundleReply& reply, const Blob& payload, Instant now) {
  std::erase_if(link.asked, [&](const auto& entry) { return entry.second == reply.hash; });
  const auto bundle = bundles_.put(reply.hash, payload);
  if (!bundle) {
    fail_waiting(link, reply.hash, bundle.error(), now);
    return;
  }
  start_waiting(reply.hash, now);
}

}  // namespace sublet::agent
