#include "tests/sim/script_job.hpp"

#include "tests/sim/pipeline.hpp"

namespace sublet::sim {
namespace {

Behaviour draw_behaviour(Simulation& simulation) {
  auto& dice = simulation.dice;
  if (simulation.plan.deadly_chunks && dice.chance(0.04)) return dice.chance(0.5) ? Behaviour::deadly : Behaviour::endless;
  if (!simulation.plan.bad_chunks || !dice.chance(0.15)) return Behaviour::good;
  return static_cast<Behaviour>(dice.between(1, 5));
}

JobSpec draw_spec(Simulation& simulation, std::uint32_t number) {
  auto& dice = simulation.dice;
  JobSpec spec;
  spec.idempotency_key = fmt::format("key-{}", number);
  spec.name = fmt::format("{}", number);
  spec.tenant = dice.chance(0.7) ? "default" : "lab";
  spec.max_chunk_bytes = Chunks::kMaxBytes;
  spec.priority = static_cast<std::uint8_t>(dice.between(3, 5));
  spec.policy = dice.chance(0.6) ? PolicyKind::best_effort : PolicyKind::all;
  if (dice.chance(0.1)) {
    spec.policy = PolicyKind::quorum;
    spec.quorum = dice.between(1, 5);
  }
  spec.aggregate = static_cast<AggregateKind>(dice.chance(0.5) ? 0 : dice.between(0, 5));
  spec.element = ElementType::i64;
  spec.retry = {.max_retries = static_cast<std::uint32_t>(dice.between(0, 3)), .initial_backoff = 100ms, .max_backoff = 800ms};
  // A CLOSE that the store forgot is made up for when nobody has touched the job for so long.
  const bool forgets = simulation.plan.store == StoreClass::fast || simulation.plan.store == StoreClass::memory;
  spec.open_timeout = dice.chance(0.1) ? Millis(3s) : forgets ? Millis(30s) : Millis(1h);
  return spec;
}

Millis draw_millis(Dice& dice, std::uint64_t from, std::uint64_t to) { return Millis(dice.between(from, to)); }

void draw_times(Simulation& simulation, ScriptJob& job) {
  auto& more = simulation.more_dice;
  auto& spec = job.spec;
  if (!simulation.plan.timed) return;
  if (more.chance(0.3)) spec.delay = draw_millis(more, 50, 8'000);
  if (more.chance(0.3)) spec.deadline = spec.delay + draw_millis(more, 50, 20'000);
  if (more.chance(0.3)) spec.ttl = draw_millis(more, 200, 20'000);
  if (job.number == 0 || more.chance(0.5)) return;
  job.after.push_back(static_cast<std::uint32_t>(more.between(0, job.number - 1)));
  if (const auto another = static_cast<std::uint32_t>(more.between(0, job.number - 1)); another != job.after.front()) {
    job.after.push_back(another);
  }
  spec.after_any = more.chance(0.4);
}

}  // namespace

ScriptJob ScriptJob::draw(Simulation& simulation, std::uint32_t number) {
  auto& dice = simulation.dice;
  ScriptJob job;
  job.number = number;
  job.spec = draw_spec(simulation, number);
  job.pipeline = static_cast<std::uint32_t>(dice.between(0, 3) / 3);
  job.spec.pipeline = test_pipeline(job.pipeline).hash;
  job.cancelled = simulation.plan.cancels && dice.chance(0.5);
  const auto count = dice.between(1, simulation.plan.max_chunks);
  const auto stride = dice.chance(0.8) ? 1 : 2;
  auto id = dice.between(0, 5);
  for (std::uint64_t index = 0; index < count; ++index, id += stride) {
    job.chunks.push_back({.id = id, .behaviour = draw_behaviour(simulation), .times = static_cast<std::uint8_t>(dice.between(1, 2))});
  }
  draw_times(simulation, job);
  return job;
}

ScriptJob ScriptJob::draw_replay(Simulation& simulation, std::uint32_t number, const ScriptJob& origin) {
  auto& more = simulation.more_dice;
  ScriptJob job;
  job.number = number;
  job.replays = origin.number;
  job.pipeline = origin.pipeline;
  // Under the name of the job whose chunks they are, by which it is known what comes of them.
  job.spec = origin.spec;
  job.spec.policy = more.chance(0.7) ? PolicyKind::best_effort : PolicyKind::all;
  job.spec.aggregate = static_cast<AggregateKind>(more.chance(0.5) ? 0 : more.between(0, 5));
  job.spec.retry.max_retries = static_cast<std::uint32_t>(more.between(0, 3));
  job.spec.delay = simulation.plan.timed && more.chance(0.2) ? draw_millis(more, 50, 3'000) : Millis{0};
  job.spec.deadline = job.spec.ttl = Millis{0};
  job.spec.after_any = false;
  return job;
}

}  // namespace sublet::sim
