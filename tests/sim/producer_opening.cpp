// How a producer's jobs come to be.

#include <algorithm>
#include <utility>

#include "tests/sim/pipeline.hpp"
#include "tests/sim/producer_party.hpp"
#include "tests/sim/replay_checker.hpp"

namespace sublet::sim {

void ProducerParty::open(Work& work, Instant now) {
  const auto& script = *work.task->script;
  if (script.replays) return replay(work, now);
  auto spec = script.spec;
  if (!script.after.empty()) {
    const auto after = find_before(work);
    if (!after) {
      work.not_before = now + 50ms;
      return;
    }
    spec.after = *after;
  }
  work.request = process_->connection.ask(wire::Plane::bulk, wire::Open{.spec = spec}, test_pipeline(script.pipeline).bundle, {});
  work.stage = Stage::opening;
}

/// The jobs it runs after, once all of them were opened.
std::optional<std::vector<JobId>> ProducerParty::find_before(Work& work) {
  const auto& script = *work.task->script;
  if (const auto known = notes_.after.find(script.number); known != notes_.after.end()) return known->second;
  std::vector<JobId> ids;
  for (const auto number : script.after) {
    if (notes_.given_up.contains(number)) {
      give_up(work, "what it runs after was never opened");
      return std::nullopt;
    }
    const auto found = notes_.opened.find(number);
    if (found == notes_.opened.end()) return std::nullopt;
    ids.push_back(found->second);
  }
  notes_.after[script.number] = ids;
  return ids;
}

void ProducerParty::replay(Work& work, Instant now) {
  const auto& script = *work.task->script;
  const auto origin = std::ranges::find(tasks_, *script.replays, [](const auto& task) { return task->script->number; });
  const auto& handled = (*origin)->handled;
  if (!handled.done) {
    work.not_before = now + 100ms;
    return;
  }
  if (handled.dead == 0) return give_up(work, "no chunk is dead");
  auto spec = script.spec;
  spec.idempotency_key = fmt::format("{}-{}", script.number, to_hex(handled.job));
  work.request = process_->connection.ask(wire::Plane::bulk, wire::Replay{.job = handled.job, .spec = spec}, Blob(), {});
  work.stage = Stage::opening;
}

void ProducerParty::give_up(Work& work, std::string_view why) {
  const auto number = work.task->script->number;
  simulation_.tell(name_, "gives job {} up: {}", number, why);
  notes_.given_up.insert(number);
  work.task->handled.done = true;
  work.stage = Stage::done;
}

void ProducerParty::not_opened(Work& work, const Result<wire::Message>& answer, Instant now) {
  work.stage = Stage::to_open;
  work.not_before = now + 200ms;
  if (answer) return;
  const auto& script = *work.task->script;
  simulation_.tell(name_, "cannot open job {}: {}", script.number, to_text(answer.error()));
  const auto is_kept = [&](JobId job) {
    return disk_.find<broker::JobRecord>({.kind = broker::RecordKind::job, .owner = job.value}) != nullptr;
  };
  if (answer.error().code == ErrorCode::dependency_failed && !script.after.empty()) {
    return give_up(work, "what it runs after ended otherwise than done");
  }
  if (answer.error().code != ErrorCode::not_found) return;
  // What ended is forgotten some time; what was lost is opened again by others, under another id.
  if (script.replays) {
    const auto origin = std::ranges::find(tasks_, *script.replays, [](const auto& task) { return task->script->number; });
    if (!has_more_to_replay(disk_, (*origin)->handled.job)) give_up(work, "nothing of it is left to replay");
    return;
  }
  const auto asked = notes_.after.extract(script.number);
  if (!asked || std::ranges::all_of(asked.mapped(), is_kept)) return;
  if (find_before(work) == asked.mapped()) give_up(work, "what it runs after is gone");
}

void ProducerParty::opened(Work& work, const wire::Opened& opened, Instant now) {
  auto& connection = process_->connection;
  auto& handled = work.task->handled;
  // Another job than before under the same key: the one before was lost with its store.
  if (handled.job != opened.job) handled = {.job = opened.job, .cursor = {}, .entries = {}};
  notes_.opened[work.task->script->number] = opened.job;
  work.store = connection.welcome()->store;
  work.job = connection.adopt(opened.job);
  work.job->max_chunk_bytes = work.task->script->spec.max_chunk_bytes;
  if (!work.job->reader && work.job->taken_before < opened.taken) work.job->taken_before = work.job->taken_told = opened.taken;
  if (opened.taken > handled.cursor && work.task->reads) {
    throw Violation(
        fmt::format("no output is lost: those up to {} are gone and only {} were handled", opened.taken.value, handled.cursor.value));
  }
  connection.follow(work.job, 200ms);
  if (work.task->reads) connection.open_reader(work.job, {.chunks = simulation_.dice.between(1, 100), .bytes = 1U << 20U});
  work.next_chunk = 0;
  work.stage = Stage::submitting;
  if (work.task->script->cancelled) work.not_before = now + 1ms;
}

}  // namespace sublet::sim
