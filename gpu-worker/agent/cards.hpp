#pragma once

#include <cstdint>
#include <list>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "common/error.hpp"
#include "common/io/log.hpp"
#include "common/wire/messages.hpp"
#include "gpu-worker/agent/options.hpp"
#include "gpu-worker/agent/session_process.hpp"
#include "gpu-worker/core/ledger.hpp"
#include "gpu-worker/core/offers.hpp"

namespace sublet::agent {

/// The cards of this host: what of them is free, and the session processes on each.
class Cards {
 public:
  using Process = std::shared_ptr<SessionProcess>;

  Cards(const AgentOptions& options, io::Log log);

  /// What of each card can be given away; nothing of one whose device no process has opened yet.
  [[nodiscard]] std::vector<CardRoom> rooms() const;
  /// Sets aside for each broker what is dealt to it, by card, in place of whatever was before: together at most the rooms.
  void set_aside(const std::map<BrokerId, std::vector<CardRoom>>& dealt);
  /// Whether leases of class `mps` can be had, as of the last look.
  [[nodiscard]] bool has_mps() const { return has_mps_; }
  /// Looks for the operator's MPS daemon, now and then. Returns whether it has come or gone.
  bool look_for_mps(Instant now);
  /// All cards whose device has been opened, as OFFER names them to that broker.
  [[nodiscard]] std::vector<wire::Card> offer(BrokerId broker) const;
  /// Takes `lease`'s slice out of its card, from what is set aside for the broker. `no_capacity` or `not_found` when it cannot be.
  Result<void> grant(const wire::Lease& lease, BrokerId broker);
  /// The lease's memory is free.
  void release(const wire::Lease& lease);

  /// The process in which the lease is to be opened: one of its tenant that takes it, otherwise a warm spare, otherwise a new one.
  Result<Process> take(const wire::Lease& lease);
  /// A lease has left the process: when it was the last one, the process is kept for its tenant's next one for a while, or killed.
  void left(SessionProcess& process, Instant now);
  /// Counts what the process takes beside the slices of its leases, which never becomes less before it ends. `alloc_failed_device` when the
  /// card has not so much that is not granted: the process has to end.
  Result<void> charge(SessionProcess& process, Bytes overhead);
  /// The process has ended, and its memory is free.
  void bury(const Process& process, Instant now);

  /// Starts the spares that are missing and kills the processes that were kept long enough. Returns whether there are others now.
  bool refill(Instant now);
  /// When `refill` has something to do next, as far as that is known.
  [[nodiscard]] std::optional<Instant> next_refill() const;

  /// Calls `visit(process)` for every process.
  template <class Visit>
  void for_each_process(Visit visit) const {
    for (const Card& card : cards_) {
      for (const Process& process : card.processes) {
        visit(process);
      }
    }
  }
  /// Takes what the process says of its device. When that is not what it may say, or that it has none, the process must be killed.
  Result<void> hear(SessionProcess& process);

 private:
  struct Card {
    CardLedger ledger;
    std::uint32_t most_sessions = 0;
    std::map<BrokerId, std::uint32_t> sessions_aside = {};
    std::string name;  ///< empty until a process has opened the device
    Bytes total;
    Bytes context = {};
    std::list<Process> processes;
    std::uint32_t failures = 0;  ///< of spares, in a row
    Instant retry_at = {};
  };

  [[nodiscard]] std::size_t spares_wanted(const Card& card) const;
  [[nodiscard]] static std::size_t spares(const Card& card);
  [[nodiscard]] static Process of_tenant(const Card& card, const wire::Lease& lease);
  Result<Process> start_for_lease(Card& card, const wire::Lease& lease);
  bool add_spare(Card& card, std::uint32_t index, Instant now);
  void spare_failed(Card& card, const std::string& why, Instant now);

  const AgentOptions* options_;
  io::Log log_;
  std::vector<Card> cards_;
  bool has_mps_ = false;
  Instant looked_for_mps_ = {};
};

}  // namespace sublet::agent
