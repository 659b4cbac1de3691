#include "tests/sim/world.hpp"

#include <algorithm>
#include <utility>

namespace sublet::sim {
namespace {

/// Within so much simulated time after the last fault, every job has to end; and those that run dead chunks of others again within as much
/// more, since each chunk that ends its session costs them seconds, and they wait for one another.
constexpr Nanos kPatience = 180s;
/// No seed needs as many events as this; one that does goes in circles.
constexpr std::uint64_t kMostEvents = 3'000'000;
/// How often what a `fast` store has taken is safe on its disk.
constexpr Millis kSync = 1s;

}  // namespace

World::World(std::uint64_t seed, Trace::Mode mode)
    : simulation_(seed, mode), seed_(seed), checker_(simulation_), disk_(simulation_, checker_), network_(simulation_) {
  const auto& plan = simulation_.plan;
  checker_.ask_agents([this](LeaseId lease, GrantId grant) {
    return std::ranges::all_of(agents_, [&](const auto& agent) { return agent->lets_go(lease, grant); });
  });
  for (std::uint32_t number = 0; number < 2; ++number) {
    brokers_.push_back(std::make_unique<BrokerParty>(fmt::format("broker{}", number + 1), simulation_, network_, disk_, checker_, [this] {
      simulation_.time.after(simulation_.dice.between(Nanos(50ms), Nanos(500ms)), [this] { ensure_broker(); });
    }));
  }
  for (std::uint32_t number = 0; number < plan.workers; ++number) {
    agents_.push_back(std::make_unique<AgentParty>(fmt::format("agent{}", number + 1), simulation_, network_, chunks_));
  }
  for (std::uint32_t number = 0; number < plan.producers; ++number) {
    producers_.push_back(
        std::make_unique<ProducerParty>(fmt::format("producer{}", number + 1), simulation_, network_, disk_, checker_, notes_));
  }
  for (std::uint32_t number = 0; number < plan.jobs; ++number) {
    jobs_.push_back(std::make_unique<ScriptJob>(ScriptJob::draw(simulation_, number)));
    const auto reader = number % plan.producers;
    for (std::uint32_t producer = 0; producer < plan.producers; ++producer) {
      // Others may submit the same chunks under the same key; but what is forgotten by then would be another job, whose outputs nobody
      // takes.
      const bool submits = producer == reader || simulation_.dice.chance(0.3);
      if (submits && (producer == reader || jobs_.back()->spec.ttl == 0ms)) producers_[producer]->add(*jobs_.back(), producer == reader);
    }
  }
  for (std::uint32_t number = 0; plan.replays && number < plan.jobs; ++number) {
    // Two that would replay the same chunks share them, or one of them gets all.
    for (auto count = simulation_.more_dice.between(0, 2); count > 0; --count) {
      const auto more = static_cast<std::uint32_t>(jobs_.size());
      jobs_.push_back(std::make_unique<ScriptJob>(ScriptJob::draw_replay(simulation_, more, *jobs_[number])));
      producers_[number % plan.producers]->add(*jobs_.back(), true);
    }
  }
}

Outcome World::run() {
  Outcome outcome{.seed = seed_, .violation = {}, .plan = simulation_.plan.describe(), .last_lines = {}};
  if (simulation_.trace.on()) simulation_.tell("plan", "{}", outcome.plan);
  try {
    play();
  } catch (const Violation& violation) {
    outcome.violation = violation.what();
  }
  outcome.last_lines = simulation_.trace.last();
  outcome.events = simulation_.time.happened();
  outcome.lasted = simulation_.time.now() - Instant(1s);
  outcome.digest =
      simulation_.dice.next() ^ static_cast<std::uint64_t>(simulation_.time.now().time_since_epoch().count()) ^ (outcome.events << 40U);
  return outcome;
}

void World::play() {
  begin();
  begin_faults();
  auto& time = simulation_.time;
  const auto healed = time.now() + simulation_.plan.chaos;
  const auto patience = simulation_.plan.replays ? 2 * kPatience : kPatience;
  time.at(healed, [this] { heal(); });
  while (time.step()) {
    if (!simulation_.faulty && done()) break;
    if (time.now() > healed + patience || time.happened() > kMostEvents) {
      std::string waiting;
      for (const auto& producer : producers_) waiting += producer->waits_for();
      throw Violation(fmt::format("every job ends once the faults stop: after {} s more and {} events {}", (time.now() - healed) / 1s,
                                  time.happened(), waiting));
    }
  }
  checker_.finished(disk_);
}

void World::begin() {
  ensure_broker();
  for (const auto& agent : agents_) agent->start();
  for (const auto& producer : producers_) producer->start();
  if (simulation_.plan.store != StoreClass::fast) return;
  haunt(kSync, [this] { disk_.sync(); });
}

void World::haunt(Millis mean, std::function<void()> fault) {
  if (mean.count() == 0) return;
  const auto delay = simulation_.dice.between(Nanos(mean) / 2, Nanos(mean) * 3 / 2);
  simulation_.time.after(delay, [this, mean, fault = std::move(fault)] {
    if (!simulation_.faulty) return;
    fault();
    haunt(mean, fault);
  });
}

void World::begin_faults() {
  haunt_network();
  haunt_brokers();
  haunt_workers();
  haunt_producers();
}

void World::haunt_network() {
  const auto some_link = [this]() -> std::optional<LinkId> {
    const auto links = network_.links();
    if (links.empty()) return std::nullopt;
    return links[simulation_.dice.between(0, links.size() - 1)];
  };
  haunt(simulation_.plan.faults.cut, [this, some_link] {
    if (const auto link = some_link()) network_.cut(*link);
  });
  haunt(simulation_.plan.faults.stall, [this, some_link] {
    if (const auto link = some_link()) network_.stall(*link, simulation_.dice.between(Nanos(50ms), Nanos(6s)));
  });
}

void World::haunt_brokers() {
  const auto& faults = simulation_.plan.faults;
  haunt(faults.broker_crash, [this] {
    auto* broker = serving();
    if (broker == nullptr) return;
    broker->crash("killed");
    simulation_.time.after(simulation_.dice.between(Nanos(1ms), Nanos(3s)), [this] { ensure_broker(); });
  });
  haunt(faults.broker_pause, [this] {
    if (auto* broker = serving(); broker != nullptr) broker->pause(simulation_.dice.between(Nanos(10ms), Nanos(7s)));
  });
  haunt(faults.takeover, [this] { take_over(); });
  haunt(faults.store_failover, [this] { disk_.fail_over(); });
  haunt(faults.store_full, [this] { disk_.fill(simulation_.dice.between(Nanos(50ms), Nanos(3s))); });
  haunt(faults.store_outage, [this] { disk_.go_away(simulation_.dice.between(Nanos(50ms), Nanos(4s))); });
}

void World::haunt_workers() {
  const auto& faults = simulation_.plan.faults;
  haunt(faults.agent_crash, [this] {
    auto& agent = any(agents_);
    agent.crash();
    simulation_.time.after(simulation_.dice.between(Nanos(10ms), Nanos(5s)), [&agent] { agent.start(); });
  });
  haunt(faults.agent_pause, [this] { any(agents_).pause(simulation_.dice.between(Nanos(10ms), Nanos(9s))); });
  haunt(faults.agent_drain, [this] { any(agents_).drain(); });
  haunt(faults.session_crash, [this] { any(agents_).crash_session(); });
  haunt(faults.session_pause, [this] { any(agents_).pause_session(simulation_.dice.between(Nanos(10ms), Nanos(3s))); });
}

void World::haunt_producers() {
  const auto& faults = simulation_.plan.faults;
  haunt(faults.producer_crash, [this] {
    auto& producer = any(producers_);
    producer.crash();
    simulation_.time.after(simulation_.dice.between(Nanos(10ms), Nanos(4s)), [&producer] { producer.start(); });
  });
  haunt(faults.producer_pause, [this] { any(producers_).pause(simulation_.dice.between(Nanos(10ms), Nanos(6s))); });
  haunt(faults.queue_pause, [this] { any(producers_).pause_queue(simulation_.dice.chance(0.5)); });
}

BrokerParty* World::serving() const {
  const auto found = std::ranges::find_if(brokers_, [](const auto& broker) { return broker->running() && broker->serves(); });
  return found == brokers_.end() ? nullptr : found->get();
}

void World::ensure_broker() {
  if (serving() != nullptr) return;
  // A store inside the broker has no second broker.
  auto& broker = simulation_.plan.store == StoreClass::memory ? *brokers_.front() : any(brokers_);
  if (!broker.running()) return broker.start();
  simulation_.time.after(100ms, [this] { ensure_broker(); });
}

void World::take_over() {
  auto* broker = serving();
  if (broker == nullptr) return;
  broker->pause(simulation_.dice.between(Nanos(1600ms), Nanos(6s)));
  // The hold of one that does not move runs out, and the other sees it.
  simulation_.time.after(simulation_.dice.between(Nanos(1550ms), Nanos(3s)), [this, broker] {
    const auto other = std::ranges::find_if(brokers_, [&](const auto& each) { return each.get() != broker; });
    if (broker->running() && broker->serves() && broker->paused() && !(*other)->running()) (*other)->start();
  });
}

void World::heal() {
  simulation_.tell("world", "no more faults");
  simulation_.faulty = false;
  network_.heal();
  disk_.come_back();
  for (const auto& broker : brokers_) broker->resume();
  ensure_broker();
  for (const auto& agent : agents_) {
    agent->resume();
    agent->resume_sessions();
    agent->start();
  }
  for (const auto& producer : producers_) {
    producer->resume();
    producer->start();
    producer->pause_queue(false);
  }
  // An earlier wish of a producer that was away may come after the other's.
  simulation_.time.after(10s, [this] {
    for (const auto& producer : producers_) producer->pause_queue(false);
  });
}

bool World::done() const {
  return std::ranges::all_of(producers_, [](const auto& producer) { return producer->done(); });
}

}  // namespace sublet::sim
