#include <algorithm>

#include "gpu-worker/agent/agent.hpp"

namespace sublet::agent {
namespace {

/// For what is running.
constexpr Millis kDrain = 2s;
/// For the broker's answers to the last settles.
constexpr Millis kFarewell = 500ms;

}  // namespace

void Agent::begin_drain(Instant now) {
  log_->info("going down: {} sessions finish what they run", sessions_.size());
  draining_ = true;
  drain_until_ = now + kDrain;
  farewell_until_ = drain_until_ + kFarewell;
  deal_due_ = true;
  for (const auto& [lease, session] : sessions_) {
    if (session->state() != LeasedSession::State::up) {
      end_session(*session, {.code = ErrorCode::draining, .detail = "this worker is going down"}, ErrorCode::draining, now);
      continue;
    }
    session->drain();
    send_window(*session);
    send_settles(*session, now);
  }
}

/// Whether everything is handed back, or the time for it is over.
bool Agent::drain(Instant now) {
  for (const auto& [lease, session] : sessions_) {
    const bool through = session->idle() && session->unsettled().empty();
    if (session->state() != LeasedSession::State::ended && (through || now >= drain_until_)) {
      end_session(*session, {.code = ErrorCode::draining, .detail = "this worker is going down"}, ErrorCode::draining, now);
      send_settles(*session, now);
    }
  }
  const bool over = now >= farewell_until_;
  for (const auto& [lease, session] : sessions_) {
    if (over || !link_of(*session).broker.up()) {
      session->drop();
    }
  }
  if (over || std::ranges::none_of(links_, [](const auto& link) { return link->broker.up(); })) {
    cards_.for_each_process([](const Cards::Process& process) { process->kill(); });
    poller_stale_ = true;
  }
  bury_finished();
  return sessions_.empty() || now >= farewell_until_ + kFarewell;
}

}  // namespace sublet::agent
