#include <utility>
#include <vector>

#include "gpu-worker/agent/agent.hpp"

namespace sublet::agent {

std::vector<LeasedSession*> Agent::sessions_in(const SessionProcess& process) {
  std::vector<LeasedSession*> found;
  for (const LeaseId lease : process.leases()) {
    if (const auto session = sessions_.find(lease); session != sessions_.end()) {
      found.push_back(session->second.get());
    }
  }
  return found;
}

void Agent::look_at_process(const Cards::Process& process, Instant now) {
  if (!process->ending()) {
    const auto heard = cards_.hear(*process);
    deal_due_ = true;
    if (!heard) {
      // Gone, without a device, or hostile: the end of it is the same.
      log_->warn("process {}: {}", process->pid(), to_text(heard.error()));
      for (LeasedSession* session : sessions_in(*process)) {
        if (heard.error().code != ErrorCode::session_lost && session->state() == LeasedSession::State::starting) {
          settle_end(*session, heard.error(), heard.error().code);
        }
      }
      process->kill();
      poller_stale_ = true;
    }
  }
  if (process->gone()) {
    bury_process(process, now);
  }
}

/// Makes an ended session leave its process: in an orderly way, where the process goes on and the session was not busy alone there.
/// Otherwise what it runs could take long, and a process costs less than the wait.
void Agent::vacate(LeasedSession& session, bool busy, Instant now) {
  const auto process = session.process();
  if (process == nullptr) {
    release(session);
    return;
  }
  poller_stale_ = true;
  if (process->ending() || session.close_by()) {
    return;
  }
  const bool alone = process->leases().size() == 1;
  if ((alone && (busy || draining_)) || !session.close(now)) {
    lose_process(*process, now);
  }
}

/// Nothing of the session is left in its process.
void Agent::leave_process(LeasedSession& session, Instant now) {
  const auto process = session.process();
  session.leave();
  cards_.left(*process, now);
  release(session);
}

void Agent::lose_process(SessionProcess& process, Instant now) {
  if (process.ending()) {
    return;
  }
  process.kill();
  poller_stale_ = true;
  for (LeasedSession* session : sessions_in(process)) {
    if (session->state() == LeasedSession::State::ended) {
      continue;
    }
    session->take_last_words(now);
    displace(*session, now);
  }
}

/// The neighbour of a session whose process has to end: it has done nothing, so nothing of it is charged.
void Agent::displace(LeasedSession& session, Instant now) {
  if (session.device_broken()) {
    settle_end(session, {.code = ErrorCode::session_lost, .detail = "a chunk left the device unusable"}, ErrorCode::session_lost);
  } else {
    log_->warn("lease {}: its session moves to another process", to_hex(session.id()));
    session.displace();
    send_window(session);
  }
  send_settles(session, now);
}

void Agent::bury_process(const Cards::Process& process, Instant now) {
  const auto sessions = sessions_in(*process);
  bool explained = false;
  for (LeasedSession* session : sessions) {
    if (session->state() == LeasedSession::State::starting || session->state() == LeasedSession::State::up) {
      session->take_last_words(now);
    }
    explained = explained || session->device_broken();
  }
  const Error lost{.code = ErrorCode::session_lost, .detail = "the session process " + process->how_it_ended()};
  const Error over{.code = ErrorCode::lease_expired, .detail = "its deadline passed"};
  for (LeasedSession* session : sessions) {
    if (session->state() == LeasedSession::State::starting || session->state() == LeasedSession::State::up) {
      if (explained) {
        displace(*session, now);
      } else {
        // A process ends itself at the deadline of its last lease, which is seen here before the deadline is looked at.
        const auto deadline = link_of(*session).leases.deadline(session->id());
        const Error& why = deadline && *deadline <= now ? over : lost;
        settle_end(*session, why, why.code);
        send_settles(*session, now);
      }
    }
    session->leave();
    release(*session);
  }
  cards_.bury(process, now);
  deal_due_ = true;
  poller_stale_ = true;
  for (LeasedSession* session : sessions) {
    if (session->state() == LeasedSession::State::waiting) {
      restart(*session, now);
    }
  }
}

void Agent::restart(LeasedSession& session, Instant now) {
  if (draining_) {
    end_session(session, {.code = ErrorCode::draining, .detail = "this worker is going down"}, ErrorCode::draining, now);
    return;
  }
  start_session(session, session.bundle(), now);
}

}  // namespace sublet::agent
