#include "gpu-worker/agent/cards.hpp"

#include <algorithm>
#include <utility>

#include <fmt/format.h>

namespace sublet::agent {
namespace {

/// An agent has one broker so far; its offers are made in this name.
constexpr BrokerId kBroker{1};
constexpr Millis kFirstPause = 200ms;
constexpr Millis kLongestPause = 30s;

}  // namespace

Cards::Cards(const AgentOptions& options, io::Log log) : options_(&options), log_(std::move(log)) {
  for (std::uint32_t card = 0; card < options.cards; ++card) {
    // The remainder goes to the first cards.
    const std::uint32_t share = options.sessions / options.cards + (card < options.sessions % options.cards ? 1 : 0);
    cards_.push_back({.ledger = CardLedger(options.vram), .most_sessions = share, .name = {}, .total = options.vram, .spares = {}});
  }
}

std::vector<wire::Card> Cards::offer() {
  std::vector<wire::Card> offered;
  for (std::uint32_t index = 0; index < cards_.size(); ++index) {
    Card& card = cards_[index];
    if (card.name.empty()) {
      continue;
    }
    const Bytes free = card.ledger.offer(kBroker, card.ledger.free() + card.ledger.offered(kBroker));
    const auto leases = static_cast<std::uint32_t>(card.ledger.leases());
    offered.push_back({.index = index,
                       .kind = "cpu",
                       .name = card.name,
                       .total_bytes = card.total.count,
                       .free_bytes = free.count,
                       .free_sessions = card.most_sessions - std::min(leases, card.most_sessions)});
  }
  return offered;
}

Result<void> Cards::grant(const wire::Lease& lease) {
  if (lease.card >= cards_.size()) {
    return fail(ErrorCode::not_found, fmt::format("card {} of a worker with {}", lease.card, cards_.size()));
  }
  Card& card = cards_[lease.card];
  if (card.ledger.leases() >= card.most_sessions) {
    return fail(ErrorCode::no_capacity,
                fmt::format("card {} runs its {} sessions already: raise --sessions", lease.card, card.most_sessions));
  }
  return card.ledger.grant(lease.lease, kBroker, Bytes{lease.bytes});
}

void Cards::release(const wire::Lease& lease, Bytes context) {
  CardLedger& ledger = cards_[lease.card].ledger;
  if (const auto released = ledger.release(lease.lease); !released) {
    log_->error("{}", to_text(released.error()));
  }
  if (const auto left = ledger.set_contexts(ledger.contexts() - context); !left) {
    log_->error("{}", to_text(left.error()));
  }
}

Result<TakenProcess> Cards::take(std::uint32_t index, Bytes arena) {
  Card& card = cards_[index];
  auto warm = std::ranges::find_if(card.spares,
                                   [&](const Spare& spare) { return spare.opened && spare.process.end().arena().size() >= arena.count; });
  if (warm != card.spares.end()) {
    TakenProcess taken{.process = std::move(warm->process), .context = card.context};
    card.spares.erase(warm);
    if (const auto counted = card.ledger.spare_taken(card.context); !counted) {
      return std::unexpected(counted.error());
    }
    return taken;
  }
  if (const auto room = card.ledger.set_contexts(card.ledger.contexts() + card.context); !room) {
    return std::unexpected(room.error());
  }
  auto process = SessionProcess::start(*options_, index, std::max(arena, options_->arena));
  if (!process) {
    [[maybe_unused]] const auto undone = card.ledger.set_contexts(card.ledger.contexts() - card.context);
    return std::unexpected(process.error());
  }
  return TakenProcess{.process = std::move(*process), .context = card.context};
}

/// A card is on offer once a process has opened it, so there is a first one even where no spares are wanted.
std::size_t Cards::spares_wanted(const Card& card) const {
  return card.name.empty() ? std::max<std::size_t>(options_->spares, 1) : options_->spares;
}

bool Cards::refill(Instant now) {
  bool started = false;
  for (std::uint32_t index = 0; index < cards_.size(); ++index) {
    Card& card = cards_[index];
    while (card.spares.size() < spares_wanted(card) && now >= card.retry_at) {
      const Bytes needed{card.context.count * (card.spares.size() + 1)};
      if (!card.ledger.set_spares(needed)) {
        // The card is full: a lease that ends makes room.
        break;
      }
      auto process = SessionProcess::start(*options_, index, options_->arena);
      if (!process) {
        spare_failed(card, card.spares.end(), process.error().detail, now);
        break;
      }
      card.spares.push_back({.process = std::move(*process)});
      started = true;
    }
  }
  return started;
}

std::optional<Instant> Cards::next_refill() const {
  std::optional<Instant> next;
  for (const Card& card : cards_) {
    if (card.failures > 0 && card.spares.size() < spares_wanted(card)) {
      next = std::min(next.value_or(card.retry_at), card.retry_at);
    }
  }
  return next;
}

void Cards::withdraw() {
  for (Card& card : cards_) {
    card.ledger.withdraw(kBroker);
  }
}

bool Cards::look_at_spare(std::uint32_t index, pid_t pid, Instant now) {
  Card& card = cards_[index];
  const auto spare = std::ranges::find_if(card.spares, [&](const Spare& candidate) { return candidate.process.pid() == pid; });
  if (spare == card.spares.end()) {
    return false;
  }
  const ring::Heard heard = spare->process.end().hear();
  do {
    auto reply = spare->process.end().pop();
    if (!reply || (*reply && ((*reply)->kind != ring::ReplyKind::opened || spare->opened))) {
      const bool refused = reply && (*reply)->kind == ring::ReplyKind::failed;
      spare_failed(card, spare, refused ? spare->process.end().note(**reply) : "it says what a spare must not say", now);
      return true;
    }
    if (*reply) {
      spare->opened = true;
      card.failures = 0;
      const std::string name = spare->process.end().note(**reply);
      card.name = name.empty() ? "cpu" : name;
      card.context = Bytes{std::min((*reply)->context_bytes, card.total.count)};
      [[maybe_unused]] const auto counted = card.ledger.set_spares(Bytes{card.context.count * card.spares.size()});
    }
  } while (!spare->process.end().about_to_wait());
  if (heard == ring::Heard::closed || spare->process.gone()) {
    spare_failed(card, spare, spare->process.how_it_ended(), now);
  }
  return true;
}

void Cards::spare_failed(Card& card, std::list<Spare>::iterator spare, const std::string& why, Instant now) {
  ++card.failures;
  const Millis pause = std::min(kLongestPause, kFirstPause * (1U << std::min<std::uint32_t>(card.failures - 1, 10)));
  card.retry_at = now + pause;
  log_->error("a session process did not start: {}; trying again in {} ms", why, pause.count());
  if (spare != card.spares.end()) {
    card.spares.erase(spare);
  }
}

}  // namespace sublet::agent
