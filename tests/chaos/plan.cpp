#include "tests/chaos/plan.hpp"

#include <algorithm>
#include <array>

#include <fmt/format.h>

#include "tests/support/dice.hpp"

namespace sublet::chaos {
namespace {

using test::Dice;

// A hold of a shard lasts 1.5 s, a lease 2 s, a heartbeat that matters 0.9 s: what lasts is drawn on both sides of them.
constexpr std::array kTable = {
    FaultInfo{FaultKind::kill_broker, "kill -9 of a broker", Part::broker, 0ms, 800ms},
    FaultInfo{FaultKind::kill_worker, "kill -9 of a worker", Part::worker, 0ms, 800ms},
    FaultInfo{FaultKind::kill_session, "kill -9 of a session", Part::session, 0ms, 0ms},
    FaultInfo{FaultKind::kill_producer, "kill -9 of the producer", Part::producer, 0ms, 500ms},
    FaultInfo{FaultKind::kill_redis, "kill -9 of Redis", Part::redis, 0ms, 800ms},
    FaultInfo{FaultKind::stop_broker, "SIGSTOP of a broker", Part::broker, 50ms, 3'000ms},
    FaultInfo{FaultKind::stop_worker, "SIGSTOP of a worker", Part::worker, 50ms, 4'000ms},
    FaultInfo{FaultKind::stop_session, "SIGSTOP of a session", Part::session, 50ms, 2'500ms},
    FaultInfo{FaultKind::stop_producer, "SIGSTOP of the producer", Part::producer, 50ms, 2'500ms},
    FaultInfo{FaultKind::stop_redis, "SIGSTOP of Redis", Part::redis, 50ms, 2'500ms},
    FaultInfo{FaultKind::oversleep, "an owner that slept on", Part::broker, 0ms, 0ms, true},
    FaultInfo{FaultKind::isolate_owner, "an owner that Redis lost", Part::broker, 0ms, 0ms, true},
    FaultInfo{FaultKind::cut_peers, "cut: peers, broker", Part::broker, 0ms, 1'500ms},
    FaultInfo{FaultKind::hold_peers, "silence: peers, broker", Part::broker, 50ms, 2'500ms},
    FaultInfo{FaultKind::slow_peers, "latency: peers, broker", Part::broker, 500ms, 2'000ms},
    FaultInfo{FaultKind::cut_store, "cut: broker, Redis", Part::broker, 0ms, 1'500ms},
    FaultInfo{FaultKind::hold_store, "silence: broker, Redis", Part::broker, 50ms, 2'500ms},
    FaultInfo{FaultKind::slow_store, "latency: broker, Redis", Part::broker, 500ms, 2'000ms},
    FaultInfo{FaultKind::fill_disk, "full disk under the AOF", Part::redis, 0ms, 500ms, true},
};

FaultKind next_kind(Dice& dice, std::vector<FaultKind>& left) {
  if (left.empty()) {
    for (const auto& info : kTable) left.push_back(info.kind);
  }
  const auto chosen = left.begin() + static_cast<std::ptrdiff_t>(dice.next() % left.size());
  const auto kind = *chosen;
  left.erase(chosen);
  return kind;
}

std::uint32_t draw_victim(Dice& dice, Part part) {
  switch (part) {
    case Part::broker:
      return static_cast<std::uint32_t>(dice.next() % kBrokers);
    case Part::worker:
    case Part::session:
      return static_cast<std::uint32_t>(dice.next() % kWorkers);
    case Part::producer:
    case Part::redis:
      break;
  }
  return 0;
}

std::string victim_of(const Fault& fault) {
  switch (info_of(fault.kind).part) {
    case Part::broker:
      return fmt::format("broker {}", fault.victim);
    case Part::worker:
      return fmt::format("worker {}", fault.victim);
    case Part::session:
      return fmt::format("worker {}, session {}", fault.victim, fault.choice % 100);
    case Part::producer:
    case Part::redis:
      break;
  }
  return "";
}

}  // namespace

std::span<const FaultInfo> fault_table() { return kTable; }

const FaultInfo& info_of(FaultKind kind) { return kTable.at(static_cast<std::size_t>(kind)); }

BrokenPlanes broken_planes(const Fault& fault) {
  if (fault.kind == FaultKind::slow_peers) return {};
  return {.control = fault.choice % 3 != 1, .bulk = fault.choice % 3 != 0};
}

Millis latency_of(const Fault& fault) { return Millis(5 + fault.choice % (fault.kind == FaultKind::slow_store ? 30 : 80)); }

std::string describe(const Fault& fault) {
  std::string text(info_of(fault.kind).name);
  if (const auto victim = victim_of(fault); !victim.empty()) text += fmt::format(" ({})", victim);
  switch (fault.kind) {
    case FaultKind::cut_peers:
    case FaultKind::hold_peers: {
      const auto planes = broken_planes(fault);
      text += !planes.bulk ? ", control" : !planes.control ? ", bulk" : ", both planes";
      break;
    }
    case FaultKind::slow_peers:
    case FaultKind::slow_store:
      text += fmt::format(", {} ms each way", latency_of(fault).count());
      break;
    default:
      break;
  }
  if (fault.lasts > 0ms) text += fmt::format(", {} ms", fault.lasts.count());
  return text;
}

std::vector<Fault> draw_plan(std::uint64_t seed, const PlanSize& size) {
  Dice dice(seed);
  std::vector<FaultKind> left;
  std::vector<Fault> plan;
  // Each has a slot of the burst of its own and strikes somewhere in its middle; one of three strikes together with the one before.
  const auto slot = std::max<std::uint64_t>(1, size.chunks / (size.faults + 1));
  for (std::uint32_t number = 0; number < size.faults; ++number) {
    const auto& info = info_of(next_kind(dice, left));
    Fault fault{.kind = info.kind,
                .victim = draw_victim(dice, info.part),
                .choice = dice.next(),
                .after = slot * number + slot / 4 + dice.between(0, slot / 2),
                .lasts = Millis(dice.between(info.shortest.count(), info.longest.count()))};
    const bool together = dice.chance(1.0 / 3) && !info.alone && !plan.empty() && !info_of(plan.back().kind).alone;
    if (together) fault.after = plan.back().after;
    plan.push_back(fault);
  }
  return plan;
}

}  // namespace sublet::chaos
