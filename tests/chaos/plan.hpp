#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "common/time.hpp"

namespace sublet::chaos {

enum class FaultKind : std::uint8_t {
  kill_broker,
  kill_worker,
  kill_session,
  kill_producer,
  kill_redis,
  stop_broker,
  stop_worker,
  stop_session,
  stop_producer,
  stop_redis,
  oversleep,
  isolate_owner,
  cut_peers,
  hold_peers,
  slow_peers,
  cut_store,
  hold_store,
  slow_store,
  fill_disk,
};

/// What a kind of fault is about.
enum class Part : std::uint8_t { broker, worker, session, producer, redis };

struct FaultInfo {
  FaultKind kind;
  std::string_view name;
  Part part;
  Millis shortest;
  Millis longest;
  /// Nothing else begins with it: it lasts until it has had its effect, which others could prevent.
  bool alone = false;
};

/// Every kind, in the order of FaultKind.
std::span<const FaultInfo> fault_table();
const FaultInfo& info_of(FaultKind kind);

/// How many there are of what faults happen to; sessions come and go.
inline constexpr std::uint32_t kBrokers = 2;
inline constexpr std::uint32_t kWorkers = 2;

struct Fault {
  FaultKind kind = FaultKind::kill_broker;
  std::uint32_t victim = 0;  ///< number of the broker or worker
  std::uint64_t choice = 0;  ///< which session of that worker, which of a broker's planes, how slow
  std::uint64_t after = 0;   ///< outputs received
  Millis lasts{0};           ///< until what was stopped goes on, and what was killed is started again

  bool operator==(const Fault&) const = default;
};

/// Which connections to a broker break, with the faults of the network between it and its peers.
struct BrokenPlanes {
  bool control = true;
  bool bulk = true;
};
BrokenPlanes broken_planes(const Fault& fault);

/// How much later each byte arrives, with the faults that are about that.
Millis latency_of(const Fault& fault);

/// "SIGSTOP of a broker (broker 1), 250 ms".
std::string describe(const Fault& fault);

/// So many chunks are submitted and not received when a fault strikes, so that it always strikes a burst.
inline constexpr std::uint64_t kUnderWay = 1'000;

struct PlanSize {
  std::uint64_t chunks = 0;
  std::uint32_t faults = 0;
};

/// The faults of a burst, by their moments. Every kind once before any comes again, in any order, and some of them at the same moment.
std::vector<Fault> draw_plan(std::uint64_t seed, const PlanSize& size);

}  // namespace sublet::chaos
