#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <span>
#include <vector>

#include "common/ids.hpp"
#include "common/time.hpp"
#include "common/wire/messages.hpp"

namespace sublet {

/// Until when an agent may use its leases, by its own monotonic clock, and when it asks for more. A deadline counts from when the request
/// was sent that the broker answered, so it is never later here than there while the lease has work.
class AgentLeases {
 public:
  /// Whatever had come by then has been seen; to be called after each look at the socket, and when it is new.
  void looked(Instant now) { looked_ = now; }
  /// Counts the TTL from the last look at the socket on, so that a LEASE which lay there while this process was stopped is not overstayed.
  /// Nobody here knows when it was sent. But the broker grants no work before the lease's first WINDOW, which is sent after this, and
  /// counts the TTL anew from when that comes.
  void add(LeaseId lease, Millis ttl);
  void remove(LeaseId lease) { leases_.erase(lease); }
  [[nodiscard]] bool holds(LeaseId lease) const { return leases_.contains(lease); }
  [[nodiscard]] std::optional<Instant> deadline(LeaseId lease) const;

  /// Whether a third of the shortest TTL has passed since the last RENEW, or since the first lease came.
  [[nodiscard]] bool renew_due(Instant now) const;
  /// A RENEW (or a HELLO, which renews as well) that names every lease is sent now.
  void renew_sent(std::uint64_t request, Instant now);
  /// RENEWED (or WELCOME) for that request. Returns the leases that were named then and are not now: they have ended. An answer to a
  /// request that is not known, or came twice, changes nothing.
  std::vector<LeaseId> renewed(std::uint64_t request, std::span<const wire::LeaseTtl> ttls);

  /// The leases whose deadline has passed.
  [[nodiscard]] std::vector<LeaseId> expired(Instant now) const;
  /// When `expired`, or `renew_due` where there is a broker to ask, next has something; nothing without leases.
  [[nodiscard]] std::optional<Instant> next_due(bool can_renew) const;

 private:
  struct Held {
    Millis ttl{0};
    Instant deadline;
  };
  struct Asked {
    std::uint64_t request = 0;
    Instant sent;
    std::vector<LeaseId> leases;
  };

  [[nodiscard]] Instant renew_at() const;

  std::map<LeaseId, Held> leases_;
  /// Ascending; the oldest is forgotten when the broker does not answer.
  std::vector<Asked> asked_;
  Instant last_renewal_;
  Instant looked_;
};

}  // namespace sublet
