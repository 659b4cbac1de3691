#pragma once

#include <cstddef>
#include <map>
#include <string_view>

#include "common/bytes.hpp"
#include "common/error.hpp"
#include "common/ids.hpp"

namespace sublet {

/// A broker as a worker counts its connections to them.
using BrokerId = Id<struct BrokerTag>;

/// Who may use how much of one card. At every moment: granted + offered + spares + contexts <= card.
///
/// An offer sets bytes aside for one broker and a lease draws on it, so two brokers cannot sell the same byte. Spares are what the warm
/// spare processes take, contexts what the processes under leases take beside the leases' slices, as measured.
class CardLedger {
 public:
  explicit CardLedger(Bytes card) : card_(card) {}

  /// Makes `bytes` the broker's offer, in place of its last one; less when less is free. Returns what the offer is now.
  Bytes offer(BrokerId broker, Bytes bytes);
  /// Takes the broker's offer back: it has gone. Its leases stay. Returns what was set free.
  Bytes withdraw(BrokerId broker);

  /// Draws `bytes` from the broker's offer. `no_capacity` when the offer is smaller (it was withdrawn or cut while the lease was on its
  /// way), `duplicate` when the lease is there already.
  Result<void> grant(LeaseId lease, BrokerId broker, Bytes bytes);
  /// The lease has ended and its memory is free: the bytes go back to what is free for new offers. Returns how many; `not_found` otherwise.
  Result<Bytes> release(LeaseId lease);

  /// What all warm spares take now. When it is more than is free, offers are cut, the largest first; `no_capacity`, and nothing changes,
  /// when that is not enough.
  Result<void> set_spares(Bytes bytes);
  /// A session process under a lease takes `now` where it took `before`: 0 before it starts and after it has ended. Like `set_spares`;
  /// `bad_argument` when all of them together take less than `before`.
  Result<void> context_changed(Bytes before, Bytes now);
  /// A warm spare becomes a session process under a lease: its `bytes` count as context from now on. `bad_argument` past what spares take.
  Result<void> spare_taken(Bytes bytes);

  [[nodiscard]] Bytes card() const { return card_; }
  [[nodiscard]] Bytes granted() const { return granted_; }
  [[nodiscard]] Bytes offered() const { return offered_; }
  [[nodiscard]] Bytes offered(BrokerId broker) const;
  [[nodiscard]] Bytes spares() const { return spares_; }
  [[nodiscard]] Bytes contexts() const { return contexts_; }
  /// In nobody's name.
  [[nodiscard]] Bytes free() const { return card_ - granted_ - offered_ - spares_ - contexts_; }
  [[nodiscard]] std::size_t leases() const { return leases_.size(); }

 private:
  Result<void> replace(Bytes& account, Bytes bytes, std::string_view what);
  void cut_offers(Bytes bytes);

  Bytes card_;
  Bytes granted_;
  Bytes offered_;
  Bytes spares_;
  Bytes contexts_;
  std::map<BrokerId, Bytes> offers_;
  std::map<LeaseId, Bytes> leases_;
};

}  // namespace sublet
