#pragma once

#include <cstdint>
#include <list>
#include <optional>
#include <string>
#include <vector>

#include "common/error.hpp"
#include "common/io/log.hpp"
#include "common/wire/messages.hpp"
#include "gpu-worker/agent/options.hpp"
#include "gpu-worker/agent/session_process.hpp"
#include "gpu-worker/core/ledger.hpp"

namespace sublet::agent {

/// A session process that has its device open and waits, or is about to.
struct Spare {
  SessionProcess process;
  bool opened = false;
};

/// A process for a lease, and what it takes besides the lease's slice.
struct TakenProcess {
  SessionProcess process;
  Bytes context;
};

/// The cards of this host: what of them is free, and the warm processes on each.
class Cards {
 public:
  Cards(const AgentOptions& options, io::Log log);

  /// All cards whose device has been opened, as OFFER names them.
  std::vector<wire::Card> offer();
  /// Takes `lease`'s slice out of its card. `no_capacity` or `not_found` when it cannot be.
  Result<void> grant(const wire::Lease& lease);
  /// The lease's process is gone and its memory is free.
  void release(const wire::Lease& lease, Bytes context);

  /// A warm process when there is one with such an arena, otherwise a new one.
  Result<TakenProcess> take(std::uint32_t card, Bytes arena);
  /// Starts the spares that are missing. Returns whether any was started.
  bool refill(Instant now);
  /// When `refill` is worth another try after a failure.
  [[nodiscard]] std::optional<Instant> next_refill() const;
  /// The broker has gone: what was set aside for it is free.
  void withdraw();

  /// Calls `visit(card, spare)` for every spare.
  template <class Visit>
  void for_each_spare(Visit visit) {
    for (std::uint32_t card = 0; card < cards_.size(); ++card) {
      for (Spare& spare : cards_[card].spares) {
        visit(card, spare);
      }
    }
  }
  /// Takes what the spare of that process id says or sees that it has ended. Returns whether the cards on offer or the spares changed.
  bool look_at_spare(std::uint32_t card, pid_t pid, Instant now);

 private:
  struct Card {
    CardLedger ledger;
    std::uint32_t most_sessions = 0;
    std::string name;  ///< empty until a process has opened the device
    Bytes total;
    Bytes context = {};
    std::list<Spare> spares;
    std::uint32_t failures = 0;  ///< in a row
    Instant retry_at = {};
  };

  [[nodiscard]] std::size_t spares_wanted(const Card& card) const;
  void spare_failed(Card& card, std::list<Spare>::iterator spare, const std::string& why, Instant now);

  const AgentOptions* options_;
  io::Log log_;
  std::vector<Card> cards_;
};

}  // namespace sublet::agent
