#include "tests/sim/store.hpp"

#include <utility>

namespace sublet::sim {
namespace {

/// After so long without an answer a commit is sent again.
constexpr Millis kRepeatAfter = 500ms;

}  // namespace

SimStore::SimStore(Simulation& simulation, Disk& disk, std::function<void()> answered)
    : state_(std::make_shared<State>(State{.simulation = simulation,
                                           .disk = disk,
                                           .answered = std::move(answered),
                                           .commit = {},
                                           .answer = {},
                                           .health = {},
                                           .wanted = {},
                                           .fetched = {}})) {
  if (simulation.plan.store == StoreClass::memory) disk.replace();
}

broker::StoreInfo SimStore::info() const {
  const bool durable = state_->simulation.plan.store != StoreClass::memory;
  return {.id = state_->disk.id(), .durable = durable, .name = "sim:", .pages = durable};
}

Result<std::map<broker::RecordKey, broker::RecordValue>> SimStore::load() {
  state_->epoch = state_->disk.own();
  auto records = state_->disk.records();
  if (!info().pages) return records;
  std::erase_if(records, [&](const auto& record) {
    const auto& key = record.first;
    return key.kind == broker::RecordKind::payload &&
           !state_->disk.records().contains({.kind = broker::RecordKind::runs, .owner = key.owner, .item = key.item});
  });
  return records;
}

const broker::StoreHealth& SimStore::health() const {
  state_->health.ready = !state_->disk.away();
  state_->health.full = state_->disk.full();
  return state_->health;
}

Result<broker::RecordValue> SimStore::fetch(const broker::RecordKey& key) {
  const auto& records = state_->disk.records();
  const auto found = records.find(key);
  if (found == records.end()) return fail(ErrorCode::not_found, "no such record");
  return found->second;
}

void SimStore::begin(broker::Commit commit) {
  state_->commit = std::move(commit);
  state_->answered_number = 0;
  const auto number = state_->commit.number;
  if (state_->simulation.plan.store == StoreClass::memory) {
    state_->answer = {.number = number, .outcome = state_->disk.take(state_->epoch, state_->commit), .refused = {}};
    return;
  }
  ask(state_, number);
}

void SimStore::want(std::vector<broker::RecordKey> payloads) {
  for (const auto& payload : payloads) {
    state_->wanted.insert(payload);
    look_for(state_, payload);
  }
}

/// Answered late, or asked again.
void SimStore::look_for(const Shared& state, const broker::RecordKey& payload) {
  auto& simulation = state->simulation;
  const bool is_lost = simulation.mishap(simulation.plan.store_lost_reply);
  simulation.time.after(is_lost ? kRepeatAfter + delay(*state) : delay(*state), [state, payload, is_lost] {
    if (!state->alive || !state->wanted.contains(payload)) return;
    if (is_lost || state->disk.away()) return look_for(state, payload);
    state->wanted.erase(payload);
    const auto& records = state->disk.records();
    const auto found = records.find(payload);
    auto bytes = found == records.end() ? fail(ErrorCode::payload_lost, "the store has no such payload")
                                        : Result<Blob>(std::get<Blob>(found->second));
    state->fetched.push_back({.key = payload, .bytes = std::move(bytes)});
    state->answered();
  });
}

Nanos SimStore::delay(State& state) {
  auto& dice = state.simulation.dice;
  auto delay = dice.between(Nanos(30us), Nanos(state.simulation.plan.store_latency) + Nanos(60us));
  if (state.simulation.mishap(state.simulation.plan.store_slow)) delay += dice.between(Nanos(50ms), Nanos(3s));
  return delay;
}

/// What leaves a process arrives even when the process is gone by then, so the commit travels as a copy.
void SimStore::ask(const Shared& state, std::uint64_t number) {
  auto& time = state->simulation.time;
  time.after(delay(*state), [state, commit = std::make_shared<broker::Commit>(state->commit)] { arrive(state, *commit); });
  time.after(kRepeatAfter + delay(*state), [state, number] {
    if (state->alive && state->commit.number == number && state->answered_number != number) ask(state, number);
  });
}

void SimStore::arrive(const Shared& state, const broker::Commit& commit) {
  auto& simulation = state->simulation;
  if (state->disk.away()) return;
  const bool refuses = simulation.mishap(simulation.plan.store_refusal);
  if (refuses && simulation.dice.chance(0.5)) {
    return reply(state, commit.number, fail(ErrorCode::store_unavailable, "the store refuses the commit"));
  }
  if (state->disk.full() && !commit.draining && !state->disk.has_taken(state->epoch, commit.number)) {
    return reply(state, commit.number, fail(ErrorCode::resource_exhausted, "the store is full"));
  }
  auto taken = state->disk.take(state->epoch, commit);
  simulation.tell("store", "commit {}/{} of {} writes: {}", state->epoch, commit.number, commit.writes.size(),
                  taken ? "taken" : to_text(taken.error()));
  if (!taken || refuses) {
    return reply(state, commit.number, taken ? fail(ErrorCode::store_unavailable, "the store says it failed, and took the commit") : taken);
  }
  if (simulation.plan.store == StoreClass::fast) return reply(state, commit.number, {});
  simulation.time.after(delay(*state), [state, number = commit.number] { safe(state, number); });
}

void SimStore::safe(const Shared& state, std::uint64_t number) {
  // A failover may have come first: then there is nothing to answer, and the commit is sent again.
  if (!state->disk.has_taken(state->epoch, number)) return;
  state->disk.sync();
  reply(state, number, {});
}

void SimStore::reply(const Shared& state, std::uint64_t number, Result<void> outcome) {
  auto& simulation = state->simulation;
  if (simulation.mishap(simulation.plan.store_lost_reply)) {
    simulation.tell("store", "the answer to commit {}/{} is lost", state->epoch, number);
    return;
  }
  simulation.time.after(delay(*state), [state, number, outcome = std::move(outcome)] {
    if (!state->alive || state->commit.number != number || state->answered_number == number) return;
    state->answered_number = number;
    state->answer = {.number = number, .outcome = outcome, .refused = {}};
    if (!outcome && outcome.error().code == ErrorCode::resource_exhausted) state->answer->refused = state->commit;
    state->answered();
  });
}

}  // namespace sublet::sim
