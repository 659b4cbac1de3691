#include <utility>

#include <fmt/format.h>

#include "gpu-worker/agent/agent.hpp"

namespace sublet::agent {
namespace {

/// Bulk messages, and their bytes, between two looks at everything else: heartbeats must not wait for long copies.
constexpr int kBulkPerRound = 32;
constexpr std::size_t kBulkBytesPerRound = std::size_t{4} << 20U;

}  // namespace

void Agent::receive(Instant now) {
  const auto take_control = [this, now] {
    while (auto incoming = link_.receive_control(now)) {
      on_control(std::move(*incoming), now);
    }
  };
  take_control();
  std::size_t bytes = 0;
  for (int taken = 0; taken < kBulkPerRound && bytes < kBulkBytesPerRound; ++taken) {
    auto incoming = link_.receive_bulk(now);
    if (!incoming) {
      break;
    }
    bytes += incoming->payload.size();
    on_bulk(std::move(*incoming), now);
    take_control();
  }
}

void Agent::on_control(Incoming incoming, Instant now) {
  if (const auto* welcome = std::get_if<wire::Welcome>(&incoming.message)) {
    on_welcome(incoming, *welcome, now);
  } else if (const auto* lease = std::get_if<wire::Lease>(&incoming.message)) {
    on_lease(*lease, now);
  } else if (const auto* renewed = std::get_if<wire::Renewed>(&incoming.message)) {
    on_renewed(incoming.header.request, renewed->leases, now);
  } else if (const auto* release = std::get_if<wire::Release>(&incoming.message)) {
    on_release(*release, now);
  } else if (const auto* error = std::get_if<wire::ErrorReply>(&incoming.message)) {
    on_error(incoming.header.request, *error, now);
  } else {
    log_->warn("the broker sent {} on the control plane, which means nothing to a worker", wire::name_of(incoming.header.type));
  }
}

void Agent::on_bulk(Incoming incoming, Instant now) {
  if (std::holds_alternative<wire::Run>(incoming.message)) {
    on_run(std::move(incoming), now);
  } else if (const auto* settled = std::get_if<wire::Settled>(&incoming.message)) {
    on_settled(*settled);
  } else if (std::holds_alternative<wire::Welcome>(incoming.message)) {
    if (link_.state() == BrokerLink::State::greeting_bulk) {
      link_.welcomed(std::get<wire::Welcome>(incoming.message), now);
      on_up(now);
    }
  } else if (const auto* bundle = std::get_if<wire::BundleReply>(&incoming.message)) {
    on_bundle(*bundle, incoming.payload, now);
  } else if (const auto* error = std::get_if<wire::ErrorReply>(&incoming.message)) {
    on_error(incoming.header.request, *error, now);
  } else {
    log_->warn("the broker sent {} on the bulk plane, which means nothing to a worker", wire::name_of(incoming.header.type));
  }
}

void Agent::on_welcome(const Incoming& incoming, const wire::Welcome& welcome, Instant now) {
  if (link_.state() != BrokerLink::State::greeting_control || incoming.header.request != hello_request_) {
    return;
  }
  if (store_ && *store_ != welcome.store) {
    log_->warn("the broker has another store than before: {} leases are void", sessions_.size());
    for (const auto& [lease, session] : sessions_) {
      drop_session(lease, now);
    }
  }
  store_ = welcome.store;
  on_renewed(incoming.header.request, welcome.leases, now);
  link_.welcomed(welcome, now);
}

void Agent::on_up(Instant now) {
  offer_due_ = true;
  send_offer();
  repeat_settles(now, Millis(0));
  for (const auto& [lease, session] : sessions_) {
    if (session->waits_for_bundle()) {
      ask_for(session->lease().pipeline);
    } else if (session->state() != LeasedSession::State::starting) {
      link_.send_control(session->window());
    }
  }
}

void Agent::on_lease(const wire::Lease& lease, Instant now) {
  ++seen_leases_;
  offer_due_ = true;
  if (sessions_.contains(lease.lease)) {
    return;
  }
  const Result<void> granted = draining_ ? fail(ErrorCode::draining, "this worker is going down") : cards_.grant(lease);
  if (!granted) {
    link_.send_control(wire::Release{.lease = lease.lease, .code = granted.error().code, .detail = granted.error().detail});
    return;
  }
  sessions_.emplace(lease.lease, std::make_unique<LeasedSession>(lease));
  leases_.add(lease.lease, Millis(lease.ttl_ms), now);
  if (bundles_.find(lease.pipeline)) {
    start_waiting(lease.pipeline, now);
    return;
  }
  ask_for(lease.pipeline);
}

void Agent::on_renewed(std::uint64_t request, const std::vector<wire::LeaseTtl>& ttls, Instant now) {
  for (const LeaseId lease : leases_.renewed(request, ttls)) {
    log_->warn("lease {} has ended by the broker's account", to_hex(lease));
    drop_session(lease, now);
  }
  for (const auto& [lease, session] : sessions_) {
    if (const auto deadline = leases_.deadline(lease)) {
      session->set_deadline(*deadline);
    }
  }
}

void Agent::on_release(const wire::Release& release, Instant now) {
  const auto session = sessions_.find(release.lease);
  if (session == sessions_.end()) {
    // Gone before the broker asked; it wants to hear so.
    link_.send_control(wire::Release{.lease = release.lease, .code = ErrorCode::ok, .detail = {}});
    return;
  }
  drop_session(release.lease, now);
  session->second->set_farewell(ErrorCode::ok, {});
}

void Agent::on_error(std::uint64_t request, const wire::ErrorReply& error, Instant now) {
  const Error reason{.code = error.code, .detail = error.detail};
  if (error.code == ErrorCode::hello_required) {
    link_.lose("it does not know this connection any more", now);
    return;
  }
  if (const auto pipeline = bundles_.refused(request)) {
    fail_waiting(*pipeline, reason, now);
    return;
  }
  log_->warn("the broker refuses a message: {}", to_text(reason));
  if (link_.state() == BrokerLink::State::greeting_control || link_.state() == BrokerLink::State::greeting_bulk) {
    link_.lose(to_text(reason), now);
    return;
  }
  // A settle refused for what it is would be refused again; one refused for pressure is repeated with the next renewal.
  const bool pressure = error.code == ErrorCode::resource_exhausted || error.code == ErrorCode::store_unavailable;
  for (const auto& [lease, session] : sessions_) {
    std::erase_if(session->unsettled(), [&](const auto& entry) { return !pressure && request != 0 && entry.second.request == request; });
  }
}

void Agent::on_run(Incoming incoming, Instant now) {
  auto& run = std::get<wire::Run>(incoming.message);
  const auto found = sessions_.find(run.lease);
  if (found == sessions_.end() || found->second->channel() == nullptr || !leases_.holds(run.lease)) {
    refuse_run(run, ErrorCode::returned);
    return;
  }
  LeasedSession& session = *found->second;
  wire::Run answered{.lease = run.lease, .grant = run.grant, .token = run.token, .job = {}, .chunks = {}, .lengths = {}};
  const std::size_t chunks = run.lengths.values.size();
  const auto taken = session.run(std::move(run), std::move(incoming.payload), now);
  if (!taken) {
    log_->warn("{}", to_text(taken.error()));
    const bool malformed = taken.error().code == ErrorCode::bad_message;
    if (!malformed && session.state() == LeasedSession::State::up) {
      break_session(session, {.code = ErrorCode::session_lost, .detail = taken.error().detail}, now);
    } else {
      answered.lengths.values.resize(chunks);
      refuse_run(answered, malformed ? ErrorCode::bad_message : ErrorCode::returned);
    }
  }
  send_settles(session, now);
}

void Agent::on_settled(const wire::Settled& settled) {
  if (const auto session = sessions_.find(settled.lease); session != sessions_.end()) {
    session->second->settled(settled.grant);
  }
}

void Agent::on_bundle(const wire::BundleReply& reply, const Blob& payload, Instant now) {
  const auto bundle = bundles_.put(reply.hash, payload);
  if (!bundle) {
    fail_waiting(reply.hash, bundle.error(), now);
    return;
  }
  start_waiting(reply.hash, now);
}

}  // namespace sublet::agent
