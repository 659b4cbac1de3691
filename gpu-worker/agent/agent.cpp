#include "gpu-worker/agent/agent.hpp"

#include <algorithm>
#include <set>
#include <utility>

#include <fmt/format.h>

#include "common/io/clock.hpp"

namespace sublet::agent {
namespace {

/// Between looks at processes that are being reaped, when all else is done.
constexpr Millis kDrainStep = 10ms;

}  // namespace

Agent::Agent(AgentOptions options, io::Context& context, Random& random, io::Log log)
    : options_(std::move(options)),
      random_(&random),
      log_(std::move(log)),
      link_(context, {.control = options_.broker, .name = options_.name, .insecure_network = options_.insecure_network}, random.next(),
            random, log_),
      cards_(options_, log_) {}

Result<void> Agent::run(int stop_fd, const std::function<bool()>& took_stop) {
  while (true) {
    Instant now = io::now();
    keep_time(now);
    if (draining_ && drain(now)) {
      link_.send_control(wire::Bye{});
      return {};
    }
    if (options_.exit_when_disconnected && link_.failed_attempts() > 0) {
      return fail(ErrorCode::disconnected,
                  fmt::format("the broker at {} does not answer: start sublet-broker, or name it with --broker", options_.broker));
    }
    rebuild_poller(stop_fd);
    poller_.wait(time_to_next(io::now()));
    now = io::now();
    receive(now);
    look_at_processes(now);
    if (poller_.readable(stop_index_) && took_stop()) {
      if (draining_) {
        return {};
      }
      begin_drain(now);
    }
  }
}

void Agent::rebuild_poller(int stop_fd) {
  if (!poller_stale_ && polled_generation_ == link_.generation()) {
    return;
  }
  poller_ = io::Poller();
  watched_.clear();
  stop_index_ = poller_.add(stop_fd);
  if (link_.control() != nullptr) {
    poller_.add(*link_.control());
  }
  if (link_.bulk() != nullptr) {
    poller_.add(*link_.bulk());
  }
  for (const auto& [lease, session] : sessions_) {
    if (session->channel() != nullptr && !session->process()->ending()) {
      watched_.push_back({.index = poller_.add(session->channel()->fd()), .lease = lease});
    }
  }
  cards_.for_each_process([this](const Cards::Process& process) {
    if (!process->ending()) {
      watched_.push_back({.index = poller_.add(process->link_fd()), .process = process});
    }
    watched_.push_back({.index = poller_.add(process->exit_fd()), .process = process});
  });
  poller_stale_ = false;
  polled_generation_ = link_.generation();
}

std::optional<Millis> Agent::time_to_next(Instant now) const {
  Instant next = link_.next_due();
  const auto sooner = [&next](std::optional<Instant> due) { next = due ? std::min(next, *due) : next; };
  sooner(leases_.next_due(link_.up()));
  sooner(cards_.next_refill());
  for (const auto& [lease, session] : sessions_) {
    sooner(session->look_at());
    sooner(session->process() != nullptr && session->process()->ending() ? std::nullopt : session->close_by());
  }
  if (draining_) {
    sooner(now < drain_until_ ? drain_until_ : std::max(now + kDrainStep, farewell_until_));
  }
  return std::max(Millis(0), std::chrono::ceil<Millis>(next - now));
}

void Agent::look_at_processes(Instant now) {
  std::set<const SessionProcess*> seen;
  for (const Watched& watched : watched_) {
    if (!poller_.readable(watched.index)) {
      continue;
    }
    if (watched.process != nullptr) {
      if (seen.insert(watched.process.get()).second) {
        look_at_process(watched.process, now);
      }
      continue;
    }
    const auto session = sessions_.find(watched.lease);
    if (session != sessions_.end() && session->second->channel() != nullptr && !session->second->process()->ending()) {
      take_replies(*session->second, now);
    }
  }
}

void Agent::keep_time(Instant now) {
  link_.tick(now);
  if (link_.wants_to_greet(now)) {
    greet(now);
  }
  for (const LeaseId lease : leases_.expired(now)) {
    log_->warn("lease {} has expired: its session is ended", to_hex(lease));
    drop_session(lease, now);
    sessions_.at(lease)->set_farewell(ErrorCode::lease_expired, "not renewed in time");
  }
  for (auto& [lease, session] : sessions_) {
    if (const auto look_at = session->look_at(); look_at && *look_at <= now && session->stuck(now)) {
      break_session(
          *session,
          {.code = ErrorCode::kernel_timeout, .detail = "the chunk ran past the pipeline's time_limit_ms: raise it, or mend the kernel"},
          now);
      send_settles(*session, now);
    }
    if (const auto& process = session->process(); session->close_by() && *session->close_by() <= now && !process->ending()) {
      log_->warn("lease {}: its session does not close: process {} is killed", to_hex(lease), process->pid());
      lose_process(*process, now);
    }
  }
  if (link_.up() && leases_.renew_due(now)) {
    if (const std::uint64_t request = link_.send_control(wire::Renew{.leases = held_leases()}); request != 0) {
      leases_.renew_sent(request, now);
    }
    // A settle so old is lost or its answer is; the broker knows it by its fence when it comes twice.
    repeat_settles(now, 2s);
  }
  if (!draining_ && cards_.refill(now)) {
    poller_stale_ = true;
  }
  bury_finished();
  send_offer();
}

void Agent::greet(Instant now) {
  hello_request_ = link_.greet(held_leases(), now);
  seen_leases_ = 0;
  bundles_.forget_asked();
  if (hello_request_ != 0) {
    leases_.renew_sent(hello_request_, now);
  }
}

std::vector<wire::HeldLease> Agent::held_leases() const {
  std::vector<wire::HeldLease> held;
  for (const auto& [lease, session] : sessions_) {
    if (leases_.holds(lease)) {
      held.push_back(session->held());
    }
  }
  return held;
}

}  // namespace sublet::agent
