#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "broker/core/statistics.hpp"
#include "broker/counters.hpp"
#include "common/time.hpp"

namespace sublet::broker {

/// What a broker has to say of itself at one moment.
struct Readings {
  Statistics rules;
  Counters loop;
  std::uint64_t producers = 0;
  std::uint64_t workers = 0;
  std::string store;
  std::string store_trouble;    ///< why it takes no commits, by its own account; empty while it does
  bool store_weakened = false;  ///< its settings give less durability than when it was opened
  /// How long the commit in flight has been waiting for the store; 0 when none is.
  Millis commit_age{0};
  /// By shard of the cluster: whether it is served here. Empty while no store has been opened yet.
  std::vector<bool> served;
};

/// A store that takes longer for one commit is not there.
constexpr Millis kReadyCommitAge = 2s;

inline bool is_store_ready(const Readings& readings) { return readings.store_trouble.empty() && readings.commit_age < kReadyCommitAge; }

}  // namespace sublet::broker
