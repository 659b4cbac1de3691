#include "tests/sim/plan.hpp"

#include <fmt/format.h>

namespace sublet::sim {
namespace {

/// A mean time between faults of one kind, for some seeds.
Millis rate(Dice& dice, double probability, Millis from, Millis to) {
  if (!dice.chance(probability)) return Millis{0};
  return std::chrono::duration_cast<Millis>(dice.between(Nanos(from), Nanos(to)));
}

StoreClass draw_store(Dice& dice) {
  const auto roll = dice.between(1, 100);
  if (roll <= 15) return StoreClass::memory;
  if (roll <= 30) return StoreClass::fast;
  return roll <= 80 ? StoreClass::fsync : StoreClass::replicated;
}

FaultRates draw_faults(Dice& dice) {
  FaultRates faults;
  faults.cut = rate(dice, 0.4, 400ms, 4s);
  faults.stall = rate(dice, 0.3, 500ms, 5s);
  faults.broker_crash = rate(dice, 0.35, 1s, 6s);
  faults.broker_pause = rate(dice, 0.2, 2s, 6s);
  faults.takeover = rate(dice, 0.2, 2s, 6s);
  faults.store_failover = rate(dice, 0.3, 1s, 6s);
  faults.store_outage = rate(dice, 0.2, 2s, 6s);
  faults.store_full = rate(dice, 0.15, 1s, 5s);
  faults.agent_crash = rate(dice, 0.3, 1s, 6s);
  faults.agent_pause = rate(dice, 0.25, 1s, 6s);
  faults.agent_drain = rate(dice, 0.2, 2s, 6s);
  faults.session_crash = rate(dice, 0.3, 500ms, 4s);
  faults.session_pause = rate(dice, 0.2, 1s, 5s);
  faults.producer_crash = rate(dice, 0.3, 1s, 5s);
  faults.producer_pause = rate(dice, 0.2, 1s, 5s);
  faults.queue_pause = rate(dice, 0.1, 2s, 5s);
  return faults;
}

broker::BrokerOptions draw_rules(Dice& dice) {
  broker::BrokerOptions rules{.lease_ttl = 6s, .run_lost_after = dice.chance(0.5) ? Millis(1s) : Millis(3s), .idle_lease_after = 1s};
  if (dice.chance(0.2)) rules.input_budget_chunks = dice.between(4, 30);
  if (dice.chance(0.2)) rules.output_budget_bytes = Bytes{dice.between(8, 200)};
  if (dice.chance(0.2)) rules.credit_chunks = dice.between(1, 10);
  if (dice.chance(0.2)) rules.max_batch_chunks = dice.between(1, 8);
  rules.least_paged_bytes = Bytes{1};
  if (dice.chance(0.3)) rules.resident_bytes = Bytes{dice.between(0, 200)};
  if (dice.chance(0.3)) rules.first_grant_chunks = static_cast<std::uint32_t>(dice.between(1, 8));
  return rules;
}

/// When jobs begin and end, and what they bring again.
void draw_times(Plan& plan, Dice& more) {
  plan.timed = more.chance(0.35);
  if (plan.timed) plan.jobs += static_cast<std::uint32_t>(more.between(0, 3));
  plan.knows_clocks = more.chance(0.6);
  plan.replays = more.chance(0.2);
  plan.bad_chunks = plan.bad_chunks || plan.replays;
  // Nothing fits: every payload waits in the store.
  if (more.chance(0.1)) plan.rules.resident_bytes = Bytes{0};
}

}  // namespace

std::string_view name_of(StoreClass kind) {
  switch (kind) {
    case StoreClass::memory:
      return "memory";
    case StoreClass::fast:
      return "fast";
    case StoreClass::fsync:
      return "fsync";
    case StoreClass::replicated:
      return "replicated";
  }
  return "";
}

Plan Plan::draw(Dice& dice, Dice& more) {
  Plan plan;
  plan.store = draw_store(dice);
  plan.workers = static_cast<std::uint32_t>(dice.between(1, 3));
  plan.cards = static_cast<std::uint32_t>(dice.between(1, 2));
  plan.sessions_per_card = static_cast<std::uint32_t>(dice.between(1, 3));
  plan.spares = static_cast<std::uint32_t>(dice.between(0, 1));
  plan.lanes = static_cast<std::uint32_t>(dice.between(1, 3));
  plan.producers = static_cast<std::uint32_t>(dice.between(1, 2));
  plan.jobs = static_cast<std::uint32_t>(dice.between(1, 3));
  plan.max_chunks = dice.chance(0.3) ? 120 : 30;
  plan.bad_chunks = dice.chance(0.5);
  plan.deadly_chunks = dice.chance(0.25);
  plan.cancels = dice.chance(0.15);
  plan.encodes = dice.chance(0.1);
  plan.latency = Millis(dice.between(0, 5));
  plan.jitter = Millis(dice.between(0, 20));
  if (dice.chance(0.4)) {
    plan.slow_message = 0.02;
    plan.slowness = Millis(dice.between(50, 4000));
  }
  plan.store_latency = Millis(dice.between(0, 10));
  plan.store_slow = dice.chance(0.3) ? 0.05 : 0;
  plan.store_lost_reply = dice.chance(0.3) ? 0.05 : 0;
  plan.store_refusal = dice.chance(0.2) ? 0.01 : 0;
  plan.drift_ppm = dice.chance(0.4) ? 5'000 : 0;
  plan.chaos = Millis(dice.between(3'000, 12'000));
  plan.faults = draw_faults(dice);
  plan.rules = draw_rules(dice);
  draw_times(plan, more);
  // A store within the broker's process neither fails over nor is taken over.
  if (plan.store == StoreClass::memory) {
    plan.faults.takeover = plan.faults.store_failover = plan.faults.store_outage = plan.faults.store_full = Millis{0};
    plan.store_slow = plan.store_lost_reply = plan.store_refusal = 0;
  }
  return plan;
}

std::string Plan::describe() const {
  std::string text =
      fmt::format("store {}, {} workers with {} cards and {} sessions each, {} producers, {} jobs, {} ms of faults:", name_of(store),
                  workers, cards, sessions_per_card, producers, jobs, chaos.count());
  const auto add = [&](std::string_view what, Millis every) {
    if (every.count() > 0) text += fmt::format(" {} each {} ms,", what, every.count());
  };
  add("cut", faults.cut);
  add("stall", faults.stall);
  add("broker crash", faults.broker_crash);
  add("broker pause", faults.broker_pause);
  add("takeover", faults.takeover);
  add("store failover", faults.store_failover);
  add("store outage", faults.store_outage);
  add("store full", faults.store_full);
  add("agent crash", faults.agent_crash);
  add("agent pause", faults.agent_pause);
  add("agent drain", faults.agent_drain);
  add("session crash", faults.session_crash);
  add("session pause", faults.session_pause);
  add("producer crash", faults.producer_crash);
  add("producer pause", faults.producer_pause);
  add("queue pause", faults.queue_pause);
  text += fmt::format("{}{}{}{}{} drift {} ppm", bad_chunks ? " bad chunks," : "", deadly_chunks ? " deadly chunks," : "",
                      cancels ? " cancels," : "", timed ? " timed jobs," : "", replays ? " replays," : "", drift_ppm);
  return text;
}

}  // namespace sublet::sim
