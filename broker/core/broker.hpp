#pragma once

// The broker's rules, pure: messages and time in, records and messages out.

#include <map>
#include <memory>
#include <optional>
#include <span>
#include <vector>

#include "broker/core/options.hpp"
#include "broker/core/statistics.hpp"
#include "broker/core/step.hpp"
#include "broker/stores/store.hpp"
#include "common/error.hpp"
#include "common/random.hpp"
#include "common/time.hpp"

namespace sublet::broker {

class Core;

/// Decides everything about jobs, leases and chunks, in memory. Used by one thread.
///
/// The caller commits the writes of a step whole and only then sends its sends, in order; it may call `step` again while that commit is in
/// flight as long as commits and sends keep the order of their steps. HELLO on bulk, PING and tokens are the caller's; every other message
/// of a peer that has said HELLO on control comes here, that HELLO included.
class Broker {
 public:
  /// @param random  lasts longer than the broker
  Broker(const BrokerOptions& options, StoreInfo store, Random& random);
  ~Broker();
  Broker(Broker&&) noexcept;
  Broker& operator=(Broker&&) noexcept;

  /// Takes up what a store held, before the first step. Every lease has its full TTL again.
  Result<void> restore(std::map<RecordKey, RecordValue> records, Instant now);

  /// Takes the inputs in order, then everything that is due at `now`, then grants. No inputs: a tick.
  /// @param now     never earlier than at the last step
  /// @param inputs  are moved from
  Step step(Instant now, std::span<Input> inputs);

  /// The store has taken the writes of every step so far, and may have to keep payloads alone from now on; their sends go now.
  /// @return  payloads that it is asked for, as those of a step
  std::vector<RecordKey> stored(Instant now);

  /// The store takes nothing but draining commits: SUBMITs are refused with `resource_exhausted` from now on, or no longer.
  void set_store_full(bool full);

  /// What the store gives from now on: jobs that ask for more are not opened.
  void set_durability(Durability durability);

  /// When `step` has to be called even without input; nothing: not before the next input.
  [[nodiscard]] std::optional<Instant> next_deadline() const;

  /// Costs a look at every job.
  [[nodiscard]] Statistics statistics(Instant now) const;

 private:
  std::unique_ptr<Core> core_;
};

}  // namespace sublet::broker
