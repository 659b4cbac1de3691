#include <algorithm>
#include <utility>

#include "gpu-worker/agent/agent.hpp"

namespace sublet::agent {

void Agent::ask_for(ShardLink& link, const ContentHash& pipeline) {
  if (!link.broker.up() || link.has_asked(pipeline)) {
    return;
  }
  if (const std::uint64_t request = link.broker.send_bulk(wire::Get{.hash = pipeline}); request != 0) {
    link.asked[request] = pipeline;
  }
}

void Agent::start_waiting(const ContentHash& pipeline, Instant now) {
  const auto bundle = bundles_.find(pipeline);
  for (const auto& [lease, session] : sessions_) {
    if (session->waits_for_bundle() && session->lease().pipeline == pipeline) {
      start_session(*session, bundle, now);
    }
  }
}

void Agent::start_session(LeasedSession& session, std::shared_ptr<const LoadedBundle> bundle, Instant now) {
  const wire::Lease& lease = session.lease();
  const auto deadline = link_of(session).leases.deadline(lease.lease);
  const auto lanes = lanes_of(*bundle, lease);
  const auto arena = lanes ? GrantBook::arena_needed(*bundle, lease, *lanes) : std::unexpected(lanes.error());
  if (!arena || !deadline) {
    end_session(session, arena ? Error{.code = ErrorCode::lease_expired, .detail = {}} : arena.error(),
                arena ? ErrorCode::lease_expired : arena.error().code, now);
    return;
  }
  auto process = cards_.take(lease);
  if (!process) {
    end_session(session, process.error(), process.error().code, now);
    return;
  }
  poller_stale_ = true;
  log_->info("lease {}: a session of {} bytes with {} lanes starts in process {}", to_hex(lease.lease), lease.bytes, *lanes,
             (*process)->pid());
  const LeasedSession::Place place{.process = *process, .arena = std::max(*arena, options_.arena), .lanes = *lanes};
  if (auto started = session.start(place, std::move(bundle), *deadline); !started) {
    end_session(session, started.error(), started.error().code, now);
    if (started.error().code == ErrorCode::session_lost) {
      lose_process(**process, now);
    }
    cards_.left(**process, now);
  }
}

void Agent::fail_waiting(const ShardLink& link, const ContentHash& pipeline, const Error& error, Instant now) {
  for (LeasedSession* session : sessions_of(link)) {
    if (session->waits_for_bundle() && session->lease().pipeline == pipeline) {
      end_session(*session, error, error.code, now);
    }
  }
}

void Agent::end_session(LeasedSession& session, const Error& error, ErrorCode farewell, Instant now) {
  const bool busy = !session.idle();
  settle_end(session, error, farewell);
  vacate(session, busy, now);
}

void Agent::break_session(LeasedSession& session, const Error& error, Instant now) {
  const auto process = session.process();
  settle_end(session, error, ErrorCode::session_lost);
  lose_process(*process, now);
}

void Agent::settle_end(LeasedSession& session, const Error& error, ErrorCode farewell) {
  // Going down is what somebody asked for; everything else is worth an operator's look.
  log_->log(error.code == ErrorCode::draining ? spdlog::level::info : spdlog::level::warn, "lease {}: its session ends: {}",
            to_hex(session.id()), to_text(error));
  const bool was_up = session.state() == LeasedSession::State::up;
  session.end(error);
  session.set_farewell(farewell, error.detail);
  if (was_up) {
    // Nothing more is to come while the last settles are on their way.
    send_window(session);
  }
}

void Agent::outgrow(LeasedSession& session, const Error& error, Instant now) {
  const auto process = session.process();
  settle_end(session, error, error.code);
  send_settles(session, now);
  lose_process(*process, now);
}

void Agent::drop_session(LeasedSession& session, Instant now) {
  link_of(session).leases.remove(session.id());
  const bool busy = !session.idle();
  session.drop();
  vacate(session, busy, now);
}

void Agent::take_replies(LeasedSession& session, Instant now) {
  const bool ended = session.state() == LeasedSession::State::ended;
  const auto up = session.take_replies(now);
  const Bytes overhead = session.take_overhead();
  const auto charged = overhead > Bytes{} ? cards_.charge(*session.process(), overhead) : Result<void>();
  deal_due_ = deal_due_ || overhead > Bytes{};
  if (!charged && up && !ended && !session.left()) {
    return outgrow(session, charged.error(), now);
  }
  if (session.device_broken() && !ended) {
    break_session(session, {.code = ErrorCode::session_lost, .detail = "a chunk left the device unusable"}, now);
  } else if (!up && (!session.left() || up.error().code == ErrorCode::protocol_error)) {
    break_session(session, {.code = ErrorCode::session_lost, .detail = up.error().detail}, now);
  } else if (session.left()) {
    if (!ended) {
      // One that closes unasked has seen its deadline pass.
      const Error error = up ? Error{.code = ErrorCode::lease_expired, .detail = "its deadline passed"} : up.error();
      settle_end(session, error, error.code);
    }
    leave_process(session, now);
  } else if (session.hung_up()) {
    // How it ended, or who is to blame, is known once it is gone.
    session.process()->kill();
    poller_stale_ = true;
  } else if (!ended && (*up || session.window_changed())) {
    send_window(session);
  }
  send_settles(session, now);
}

/// Gives the card its slice back.
void Agent::release(LeasedSession& session) {
  if (session.state() != LeasedSession::State::ended || std::exchange(session.freed, true)) {
    return;
  }
  cards_.release(session.lease());
  dealer_.gave_back(session.shard());
  deal_due_ = true;
  poller_stale_ = true;
}

void Agent::send_settles(LeasedSession& session, Instant now) {
  for (LeasedSession::Unsettled* settle : session.fresh_settles()) {
    send_settle(link_of(session), *settle, now);
  }
}

void Agent::send_window(LeasedSession& session) { link_of(session).broker.send_control(session.window()); }

void Agent::send_settle(ShardLink& link, LeasedSession::Unsettled& settle, Instant now) {
  settle.request = link.broker.send_bulk(settle.message, &settle.outputs);
  settle.tried = now;
}

void Agent::repeat_settles(ShardLink& link, Instant now, Millis older_than) {
  for (LeasedSession* session : sessions_of(link)) {
    for (auto& [grant, settle] : session->unsettled()) {
      if (!settle.tried || now - *settle.tried >= older_than || settle.request == 0) {
        send_settle(link, settle, now);
      }
    }
  }
}

/// A RUN that no session takes. Not repeated: when it gets lost, the grant is missing from RENEW.
void Agent::refuse_run(ShardLink& link, const wire::Run& run, ErrorCode code) {
  const std::size_t chunks = run.lengths.values.size();
  wire::Settle settle;
  settle.lease = run.lease;
  settle.grant = run.grant;
  settle.token = run.token;
  settle.codes.values.assign(chunks, static_cast<std::uint16_t>(code));
  settle.lengths.values.assign(chunks, 0);
  const Blob nothing;
  link.broker.send_bulk(settle, &nothing);
}

void Agent::bury_finished() {
  for (auto entry = sessions_.begin(); entry != sessions_.end();) {
    LeasedSession& session = *entry->second;
    if (!session.finished()) {
      ++entry;
      continue;
    }
    ShardLink& link = link_of(session);
    if (session.farewell() && link.broker.up()) {
      link.broker.send_control(*session.farewell());
    }
    link.leases.remove(session.id());
    entry = sessions_.erase(entry);
  }
}

}  // namespace sublet::agent
