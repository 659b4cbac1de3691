#pragma once

#include <cstdint>
#include <string>

#include "broker/core/options.hpp"
#include "common/time.hpp"
#include "tests/support/dice.hpp"

namespace sublet::sim {

using test::Dice;

/// What a store keeps when it fails over: design words, see docs/guarantees.md.
enum class StoreClass : std::uint8_t {
  memory,      ///< lives in the broker's process
  fast,        ///< answers before it is safe: a failover may take the last second
  fsync,       ///< answers when it is safe on disk
  replicated,  ///< answers when replicas have it
};

std::string_view name_of(StoreClass kind);

/// How often something goes wrong while faults last: the mean time between two; zero: never.
struct FaultRates {
  Millis cut{0};             ///< a connection breaks and loses what is on its way
  Millis stall{0};           ///< nothing passes a connection for a while
  Millis broker_crash{0};    ///< kill -9
  Millis broker_pause{0};    ///< SIGSTOP
  Millis takeover{0};        ///< another broker takes over from one that is paused
  Millis store_failover{0};  ///< the store loses what was not safe
  Millis store_outage{0};    ///< the store does not answer for a while
  Millis store_full{0};      ///< the store takes only what makes room
  Millis agent_crash{0};
  Millis agent_pause{0};
  Millis agent_drain{0};  ///< SIGTERM
  Millis session_crash{0};
  Millis session_pause{0};
  Millis producer_crash{0};
  Millis producer_pause{0};
  Millis queue_pause{0};  ///< an operator pauses a queue, and lets it go on
};

/// What one seed makes of the world: how much of everything there is, and what goes wrong. Each seed has only some of the faults, so that
/// the rare ones are not drowned by the common ones.
struct Plan {
  StoreClass store = StoreClass::fsync;
  std::uint32_t workers = 1;
  std::uint32_t cards = 1;
  std::uint32_t sessions_per_card = 2;
  std::uint32_t spares = 0;
  std::uint32_t lanes = 1;
  std::uint32_t producers = 1;
  std::uint32_t jobs = 1;
  std::uint32_t max_chunks = 40;
  bool bad_chunks = false;     ///< some fail, for a while or always
  bool deadly_chunks = false;  ///< some end or hang their session
  bool cancels = false;
  bool encodes = false;  ///< every message passes the codec
  bool timed = false;    ///< jobs have delays, deadlines and TTLs, or run after others
  bool replays = false;  ///< dead chunks are run again
  /// A broker that starts again knows whether its clock is still the same.
  bool knows_clocks = false;
  Millis latency{1};
  Millis jitter{2};
  double slow_message = 0;  ///< probability of `slowness` more
  Millis slowness{0};
  Millis store_latency{1};
  double store_slow = 0;
  double store_lost_reply = 0;
  double store_refusal = 0;  ///< a commit is answered with an error, taken or not
  std::int64_t drift_ppm = 0;
  Millis chaos{10'000};
  FaultRates faults;
  broker::BrokerOptions rules;

  /// @param more  for what came later, so that the seeds of before mean what they meant
  static Plan draw(Dice& dice, Dice& more);
  [[nodiscard]] std::string describe() const;
};

}  // namespace sublet::sim
