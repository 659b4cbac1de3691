#include "gpu-worker/agent/cards.hpp"

#include <algorithm>
#include <utility>

#include <fmt/format.h>

#include "gpu-worker/agent/mps_daemon.hpp"

namespace sublet::agent {
namespace {

constexpr Millis kFirstRestartPause = 200ms;
constexpr Millis kLongestRestartPause = 30s;
/// How long an empty process waits for another lease of its tenant, before its context's memory is given to whoever needs it.
constexpr Millis kKept = 10s;

/// Between looks for an MPS daemon.
constexpr Millis kMpsLook = 1s;

/// Nobody's so far.
bool is_spare(const SessionProcess& process) { return !process.tenant(); }

}  // namespace

Cards::Cards(const AgentOptions& options, io::Log log) : options_(&options), log_(std::move(log)) {
  for (std::uint32_t card = 0; card < options.cards; ++card) {
    // The remainder goes to the first cards.
    const std::uint32_t share = options.sessions / options.cards + (card < options.sessions % options.cards ? 1 : 0);
    cards_.push_back({.ledger = CardLedger(options.vram), .most_sessions = share, .name = {}, .total = options.vram, .processes = {}});
  }
}

std::vector<CardRoom> Cards::rooms() const {
  std::vector<CardRoom> rooms(cards_.size());
  for (std::size_t index = 0; index < cards_.size(); ++index) {
    const Card& card = cards_[index];
    if (!card.name.empty()) {
      const auto leases = static_cast<std::uint32_t>(card.ledger.leases());
      rooms[index] = {.bytes = card.ledger.free() + card.ledger.offered(),
                      .sessions = card.most_sessions - std::min(leases, card.most_sessions)};
    }
  }
  return rooms;
}

void Cards::set_aside(const std::map<BrokerId, std::vector<CardRoom>>& dealt) {
  for (std::size_t index = 0; index < cards_.size(); ++index) {
    Card& card = cards_[index];
    for (const auto& [broker, sessions] : std::exchange(card.sessions_aside, {})) {
      card.ledger.withdraw(broker);
    }
    for (const auto& [broker, shares] : dealt) {
      card.ledger.offer(broker, shares[index].bytes);
      card.sessions_aside[broker] = shares[index].sessions;
    }
  }
}

bool Cards::look_for_mps(Instant now) {
  if (options_->mps_folder.empty() || now < looked_for_mps_ + kMpsLook) {
    return false;
  }
  looked_for_mps_ = now;
  const bool had = std::exchange(has_mps_, has_mps_daemon(options_->mps_folder));
  return had != has_mps_;
}

std::vector<wire::Card> Cards::offer(BrokerId broker) const {
  std::vector<wire::Card> offered;
  for (std::uint32_t index = 0; index < cards_.size(); ++index) {
    const Card& card = cards_[index];
    if (card.name.empty()) {
      continue;
    }
    const auto sessions = card.sessions_aside.find(broker);
    offered.push_back({.index = index,
                       .kind = options_->device,
                       .name = card.name,
                       .total_bytes = card.total.count,
                       .free_bytes = card.ledger.offered(broker).count,
                       .free_sessions = sessions == card.sessions_aside.end() ? 0 : sessions->second});
  }
  return offered;
}

Result<void> Cards::grant(const wire::Lease& lease, BrokerId broker) {
  if (lease.card >= cards_.size()) {
    return fail(ErrorCode::not_found, fmt::format("card {} of a worker with {}", lease.card, cards_.size()));
  }
  Card& card = cards_[lease.card];
  if (card.ledger.leases() >= card.most_sessions) {
    return fail(ErrorCode::no_capacity,
                fmt::format("card {} runs its {} sessions already: raise --sessions", lease.card, card.most_sessions));
  }
  if (lease.isolation == Isolation::mps && !has_mps_) {
    return fail(ErrorCode::no_capacity,
                fmt::format("no MPS daemon has its pipes in \"{}\"; start nvidia-cuda-mps-control there, or submit with --isolation tenant",
                            options_->mps_folder));
  }
  const auto sessions = card.sessions_aside.find(broker);
  if (sessions == card.sessions_aside.end() || sessions->second == 0) {
    return fail(ErrorCode::no_capacity, fmt::format("no session of card {} is on offer to this shard; take the newest offer", lease.card));
  }
  if (auto granted = card.ledger.grant(lease.lease, broker, Bytes{lease.bytes}); !granted) {
    return granted;
  }
  --sessions->second;
  return {};
}

void Cards::release(const wire::Lease& lease) {
  if (const auto released = cards_[lease.card].ledger.release(lease.lease); !released) {
    log_->error("{}", to_text(released.error()));
  }
}

/// One that has leases before one that is empty, so that there is one for each tenant; or none.
Cards::Process Cards::of_tenant(const Card& card, const wire::Lease& lease) {
  Process best;
  for (const Process& process : card.processes) {
    if (process->takes(lease.tenant, lease.isolation) && (best == nullptr || best->leases().empty())) {
      best = process;
    }
  }
  return best;
}

Result<Cards::Process> Cards::take(const wire::Lease& lease) {
  Card& card = cards_[lease.card];
  // A process is a client of an MPS daemon from its start or never, and the spares are none.
  const auto warm = std::ranges::find_if(card.processes, [&](const Process& each) {
    return lease.isolation != Isolation::mps && is_spare(*each) && each->greeted && !each->ending();
  });
  Process process = of_tenant(card, lease);
  if (process != nullptr) {
    // Its context is counted already.
  } else if (warm != card.processes.end()) {
    if (const auto counted = card.ledger.spare_taken(card.context); !counted) {
      return std::unexpected(counted.error());
    }
    process = *warm;
    process->context = card.context;
  } else {
    auto started = start_for_lease(card, lease);
    if (!started) {
      return started;
    }
    process = std::move(*started);
  }
  // A process that shares goes on to share; one that is empty becomes what the lease asks for.
  if (process->leases().empty()) {
    process->give_to(lease.tenant, lease.isolation);
  }
  return process;
}

Result<Cards::Process> Cards::start_for_lease(Card& card, const wire::Lease& lease) {
  if (const auto room = card.ledger.context_changed({}, card.context); !room) {
    // Those that are only kept have to go; the lease that is asked for next finds their room.
    for (const Process& process : card.processes) {
      if (process->kept_until && !process->ending()) {
        process->kill();
      }
    }
    return std::unexpected(room.error());
  }
  auto process = SessionProcess::start(*options_, lease.card, lease.isolation == Isolation::mps);
  if (!process) {
    [[maybe_unused]] const auto undone = card.ledger.context_changed(card.context, {});
    return process;
  }
  (*process)->context = card.context;
  card.processes.push_back(*process);
  return process;
}

void Cards::left(SessionProcess& process, Instant now) {
  if (!process.leases().empty() || process.ending()) {
    return;
  }
  const Card& card = cards_[process.card()];
  const auto kept = std::ranges::count_if(card.processes, [](const Process& each) { return each->kept_until.has_value(); });
  if (static_cast<std::size_t>(kept) >= options_->spares) {
    process.kill();
    return;
  }
  process.kept_until = now + kKept;
}

Result<void> Cards::charge(SessionProcess& process, Bytes overhead) {
  if (overhead <= process.context) {
    return {};
  }
  Card& card = cards_[process.card()];
  if (!card.ledger.context_changed(process.context, overhead)) {
    return fail(
        ErrorCode::alloc_failed_device,
        fmt::format("its process takes {} bytes of card {} beside its buffers, where {} were counted, and the card's {} have no room for "
                    "that beside what is granted; let kernels use less local memory, or give the worker more (--vram)",
                    overhead.count, process.card(), process.context.count, card.total.count));
  }
  log_->info("process {} takes {} bytes of card {} beside its buffers", process.pid(), overhead.count, process.card());
  process.context = overhead;
  return {};
}

void Cards::bury(const Process& process, Instant now) {
  Card& card = cards_[process->card()];
  const bool was_spare = is_spare(*process);
  std::erase(card.processes, process);
  if (was_spare) {
    spare_failed(card, process->how_it_ended(), now);
  }
  const Result<void> left =
      was_spare ? card.ledger.set_spares(Bytes{card.context.count * spares(card)}) : card.ledger.context_changed(process->context, {});
  if (!left) {
    log_->error("{}", to_text(left.error()));
  }
}

/// A card is on offer once a process has opened it, so there is a first one even where no spares are wanted.
std::size_t Cards::spares_wanted(const Card& card) const {
  return card.name.empty() ? std::max<std::size_t>(options_->spares, 1) : options_->spares;
}

std::size_t Cards::spares(const Card& card) {
  return static_cast<std::size_t>(std::ranges::count_if(card.processes, [](const Process& each) { return is_spare(*each); }));
}

bool Cards::refill(Instant now) {
  bool changed = false;
  for (std::uint32_t index = 0; index < cards_.size(); ++index) {
    Card& card = cards_[index];
    for (const Process& process : card.processes) {
      if (!process->ending() && process->kept_until && *process->kept_until <= now) {
        process->kill();
        changed = true;
      }
    }
    while (spares(card) < spares_wanted(card) && now >= card.retry_at && add_spare(card, index, now)) {
      changed = true;
    }
  }
  return changed;
}

/// False when the card is full, and a lease that ends makes room, or when it could not be started.
bool Cards::add_spare(Card& card, std::uint32_t index, Instant now) {
  if (!card.ledger.set_spares(Bytes{card.context.count * (spares(card) + 1)})) {
    return false;
  }
  auto process = SessionProcess::start(*options_, index, false);
  if (!process) {
    spare_failed(card, process.error().detail, now);
    return false;
  }
  card.processes.push_back(std::move(*process));
  return true;
}

std::optional<Instant> Cards::next_refill() const {
  std::optional<Instant> next;
  for (const Card& card : cards_) {
    if (card.failures > 0 && spares(card) < spares_wanted(card)) {
      next = std::min(next.value_or(card.retry_at), card.retry_at);
    }
    for (const Process& process : card.processes) {
      if (process->kept_until && !process->ending()) {
        next = std::min(next.value_or(*process->kept_until), *process->kept_until);
      }
    }
  }
  return next;
}

Result<void> Cards::hear(SessionProcess& process) {
  const auto greeting = process.hear();
  if (!greeting || !*greeting) {
    return greeting ? Result<void>() : std::unexpected(greeting.error());
  }
  if (process.greeted) {
    return fail(ErrorCode::protocol_error, "the session process opens its device twice");
  }
  if ((*greeting)->code != ErrorCode::ok) {
    return fail((*greeting)->code, (*greeting)->text);
  }
  Card& card = cards_[process.card()];
  if ((*greeting)->context >= card.total) {
    return fail(ErrorCode::no_capacity, fmt::format("a context takes {} of the {} bytes of card {} that may be used: raise --vram",
                                                    (*greeting)->context.count, card.total.count, process.card()));
  }
  process.greeted = true;
  card.failures = 0;
  card.name = (*greeting)->text.empty() ? options_->device : (*greeting)->text;
  card.context = (*greeting)->context;
  [[maybe_unused]] const auto counted = card.ledger.set_spares(Bytes{card.context.count * spares(card)});
  // One that was started for a lease, when less was known.
  return process.tenant() ? charge(process, card.context) : Result<void>();
}

void Cards::spare_failed(Card& card, const std::string& why, Instant now) {
  ++card.failures;
  const Millis pause = std::min(kLongestRestartPause, kFirstRestartPause * (1U << std::min<std::uint32_t>(card.failures - 1, 10)));
  card.retry_at = now + pause;
  log_->error("a session process did not start: {}; trying again in {} ms", why, pause.count());
}

}  // namespace sublet::agent
