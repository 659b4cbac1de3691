#include "tests/chaos/faults.hpp"

#include <algorithm>
#include <csignal>

#include <sys/syscall.h>
#include <unistd.h>

namespace sublet::chaos {
namespace {

/// For a takeover, or until Redis has found that its disk is full.
constexpr Millis kEffectPatience = 30s;

/// Batch sizes of producers, one after another.
constexpr std::array<std::size_t, 4> kBatches = {64, 1, 37, 200};

}  // namespace

FaultUnderWay::FaultUnderWay(const Fault& fault, Stage& stage, ProducerProcess& producer, Instant now)
    : fault_(fault), stage_(stage), producer_(producer), began_(now) {
  begin();
}

void FaultUnderWay::begin() {
  switch (fault_.kind) {
    case FaultKind::kill_broker:
      return Stage::kill(stage_.broker(fault_.victim).seat);
    case FaultKind::kill_worker:
      return Stage::kill(stage_.worker(fault_.victim));
    case FaultKind::kill_session:
      return signal_session(SIGKILL);
    case FaultKind::kill_producer:
      return producer_.kill();
    case FaultKind::kill_redis:
      return stage_.redis().kill();
    case FaultKind::stop_broker:
      return signal_broker(fault_.victim, SIGSTOP);
    case FaultKind::stop_worker:
      if (auto& worker = stage_.worker(fault_.victim); worker.process) worker.process->child.kill(SIGSTOP);
      return;
    case FaultKind::stop_session:
      return signal_session(SIGSTOP);
    case FaultKind::stop_producer:
      return producer_.signal(SIGSTOP);
    case FaultKind::stop_redis:
      return stage_.redis().signal(SIGSTOP);
    case FaultKind::oversleep:
    case FaultKind::isolate_owner:
      return replace_an_owner();
    case FaultKind::cut_peers:
    case FaultKind::cut_store:
      return set_network(&test::Proxy::cut);
    case FaultKind::hold_peers:
    case FaultKind::hold_store:
      return set_network(&test::Proxy::hold);
    case FaultKind::slow_peers:
    case FaultKind::slow_store:
      for (auto* proxy : proxies()) proxy->delay(latency_of(fault_));
      return;
    case FaultKind::fill_disk:
      return fill_disk();
  }
}

bool FaultUnderWay::over(Instant now) {
  const bool patient = now < began_ + kEffectPatience;
  switch (fault_.kind) {
    case FaultKind::oversleep:
    case FaultKind::isolate_owner:
      if (!owner_) replace_an_owner();
      if (owner_ && taken_over()) return true;
      if (!patient) shortfall_ = owner_ ? "nobody took its shards over" : "nobody owned a shard";
      return !patient;
    case FaultKind::fill_disk:
      if (!stage_.disk() || stage_.redis().ended()) return true;
      stage_.disk()->fill();
      if (!patient) shortfall_ = "Redis did not notice";
      return !patient;
    default:
      return now >= began_ + fault_.lasts;
  }
}

void FaultUnderWay::end() {
  switch (fault_.kind) {
    case FaultKind::kill_broker:
      return Stage::start(stage_.broker(fault_.victim).seat);
    case FaultKind::kill_worker:
      return Stage::start(stage_.worker(fault_.victim));
    case FaultKind::kill_session:
      return;
    case FaultKind::kill_producer:
      return producer_.start(kBatches.at(fault_.choice % kBatches.size()));
    case FaultKind::kill_redis:
      return stage_.start_redis();
    case FaultKind::stop_broker:
      return signal_broker(fault_.victim, SIGCONT);
    case FaultKind::stop_worker:
      if (auto& worker = stage_.worker(fault_.victim); worker.process) worker.process->child.kill(SIGCONT);
      return;
    case FaultKind::stop_session:
      return signal_session(SIGCONT);
    case FaultKind::stop_producer:
      return producer_.signal(SIGCONT);
    case FaultKind::stop_redis:
      return stage_.redis().signal(SIGCONT);
    case FaultKind::oversleep:
      if (owner_) signal_broker(*owner_, SIGCONT);
      return;
    case FaultKind::isolate_owner:
      // What it had sent arrives now, long after another has the shard.
      if (owner_) stage_.broker(*owner_).store->pass();
      return;
    case FaultKind::cut_peers:
    case FaultKind::cut_store:
    case FaultKind::hold_peers:
    case FaultKind::hold_store:
    case FaultKind::slow_peers:
    case FaultKind::slow_store:
      return set_network(&test::Proxy::pass);
    case FaultKind::fill_disk:
      if (stage_.disk()) stage_.disk()->clear();
      return stage_.start_redis();
  }
}

std::vector<test::Proxy*> FaultUnderWay::proxies() const {
  auto& broker = stage_.broker(fault_.victim);
  switch (fault_.kind) {
    case FaultKind::cut_store:
    case FaultKind::hold_store:
    case FaultKind::slow_store:
      return {broker.store.get()};
    default:
      break;
  }
  std::vector<test::Proxy*> proxies;
  const auto planes = broken_planes(fault_);
  if (planes.control) proxies.push_back(broker.control.get());
  if (planes.bulk) proxies.push_back(broker.bulk.get());
  return proxies;
}

void FaultUnderWay::set_network(void (test::Proxy::*how)()) {
  for (auto* proxy : proxies()) (proxy->*how)();
}

void FaultUnderWay::signal_session(int number) {
  if (!session_) {
    const auto& worker = stage_.worker(fault_.victim);
    const auto sessions = worker.process ? test::children_of(worker.process->child.pid(), "sublet-session") : std::vector<pid_t>();
    if (sessions.empty()) {
      shortfall_ = "there was no session";
      return;
    }
    // The worker may reap it meanwhile, and its number name another process; a descriptor always names this one.
    session_ = io::FileDescriptor(static_cast<int>(::syscall(SYS_pidfd_open, sessions[fault_.choice % 100 % sessions.size()], 0)));
  }
  if (session_) ::syscall(SYS_pidfd_send_signal, session_.get(), number, nullptr, 0);
}

void FaultUnderWay::signal_broker(std::uint32_t number, int signal) const {
  if (auto& seat = stage_.broker(number).seat; seat.process) seat.process->child.kill(signal);
}

void FaultUnderWay::replace_an_owner() {
  const auto owners = stage_.owners();
  // Preferably the victim; another where that one owns nothing at the moment.
  for (std::uint32_t turn = 0; turn < kBrokers; ++turn) {
    const auto number = (fault_.victim + turn) % kBrokers;
    if (std::ranges::find(owners, stage_.endpoints()[number]) == owners.end()) continue;
    if (fault_.kind == FaultKind::oversleep) {
      signal_broker(number, SIGSTOP);
    } else {
      stage_.broker(number).store->hold();
    }
    owner_ = number;
    return;
  }
}

bool FaultUnderWay::taken_over() const {
  const auto owners = stage_.owners();
  const auto former = stage_.endpoints()[*owner_];
  return !owners.empty() && std::ranges::none_of(owners, [&](const auto& owner) { return owner.empty() || owner == former; });
}

void FaultUnderWay::fill_disk() {
  if (stage_.disk()) {
    stage_.disk()->fill();
  } else {
    shortfall_ = to_text(stage_.disk().error());
  }
}

}  // namespace sublet::chaos
