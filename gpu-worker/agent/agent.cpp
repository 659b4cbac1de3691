#include "gpu-worker/agent/agent.hpp"

#include <algorithm>
#include <set>
#include <utility>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "common/io/clock.hpp"
#include "common/io/segment.hpp"

namespace sublet::agent {
namespace {

/// Between looks at processes that are being reaped, when all else is done.
constexpr Millis kDrainStep = 10ms;

}  // namespace

Agent::Agent(AgentOptions options, io::Context& context, Random& random, io::Log log)
    : options_(std::move(options)),
      context_(&context),
      random_(&random),
      log_(std::move(log)),
      instance_(random.next()),
      host_(io::shared_host().value_or(Token{})),
      brokers_(options_.brokers),
      cards_(options_, log_) {
  set_shards(1);
}

Result<void> Agent::run(int stop_fd, const std::function<bool()>& took_stop) {
  while (true) {
    Instant now = io::now();
    keep_time(now);
    if (draining_ && drain(now)) {
      for (const auto& link : links_) {
        link->broker.send_control(wire::Bye{});
      }
      return {};
    }
    if (options_.exit_when_disconnected && disconnected()) {
      return fail(ErrorCode::disconnected, fmt::format("the broker at {} does not answer: start sublet-broker, or name it with --broker",
                                                       fmt::join(options_.brokers, ", ")));
    }
    rebuild_poller(stop_fd);
    poller_.wait(time_to_next(io::now()));
    now = io::now();
    for (const auto& link : links_) {
      receive(*link, now);
    }
    look_at_processes(now);
    if (poller_.readable(stop_index_) && took_stop()) {
      if (draining_) {
        return {};
      }
      begin_drain(now);
    }
  }
}

bool Agent::disconnected() const {
  return std::ranges::all_of(links_, [](const auto& link) { return link->broker.nobody_answers(); });
}

std::uint64_t Agent::generation() const {
  std::uint64_t sum = 0;
  for (const auto& link : links_) {
    sum += link->broker.generation();
  }
  return sum;
}

void Agent::rebuild_poller(int stop_fd) {
  if (!poller_stale_ && polled_generation_ == generation()) {
    return;
  }
  poller_ = io::Poller();
  watched_.clear();
  stop_index_ = poller_.add(stop_fd);
  for (const auto& link : links_) {
    for (const io::Socket* socket : {link->broker.control(), link->broker.bulk()}) {
      if (socket != nullptr) {
        poller_.add(*socket);
      }
    }
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
  polled_generation_ = generation();
}

std::optional<Millis> Agent::time_to_next(Instant now) const {
  Instant next = links_.front()->broker.next_due();
  const auto sooner = [&next](std::optional<Instant> due) { next = due ? std::min(next, *due) : next; };
  for (const auto& link : links_) {
    sooner(link->broker.next_due());
    sooner(link->leases.next_due(link->broker.up()));
  }
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
  set_shards(shards_);
  for (const auto& link : links_) {
    keep_link(*link, now);
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
  if (!draining_ && cards_.refill(now)) {
    poller_stale_ = true;
  }
  deal_due_ = cards_.look_for_mps(now) || deal_due_;
  bury_finished();
  deal();
}

void Agent::keep_link(ShardLink& link, Instant now) {
  link.broker.tick(now);
  if (!link.broker.up() && link.told) {
    // What is set aside for a broker that is not there serves nobody.
    link.told.reset();
    dealer_.wants(link.number, 0, {}, {});
    deal_due_ = true;
  }
  if (link.broker.wants_to_greet(now)) {
    greet(link, now);
  }
  for (const LeaseId lease : link.leases.expired(now)) {
    log_->warn("lease {} has expired: its session is ended", to_hex(lease));
    drop_session(*sessions_.at(lease), now);
    sessions_.at(lease)->set_farewell(ErrorCode::lease_expired, "not renewed in time");
  }
  if (link.broker.up() && link.leases.renew_due(now)) {
    if (const std::uint64_t request = link.broker.send_control(wire::Renew{.leases = held_leases(link)}); request != 0) {
      link.leases.renew_sent(request, now);
    }
    // A settle so old is lost or its answer is; the broker knows it by its fence when it comes twice.
    repeat_settles(link, now, 2s);
  }
}

void Agent::greet(ShardLink& link, Instant now) {
  link.hello_request = link.broker.greet(held_leases(link), now);
  link.seen_leases = 0;
  link.asked.clear();
  link.leases.looked(now);
  dealer_.wants(link.number, 0, {}, {});
  if (link.hello_request != 0) {
    link.leases.renew_sent(link.hello_request, now);
  }
}

std::vector<wire::HeldLease> Agent::held_leases(const ShardLink& link) const {
  std::vector<wire::HeldLease> held;
  for (const auto& [lease, session] : sessions_) {
    if (link.leases.holds(lease)) {
      held.push_back(session->held());
    }
  }
  return held;
}

}  // namespace sublet::agent
