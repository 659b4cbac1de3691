// Dead chunks: kept, shown, run again, forgotten.

#include <algorithm>
#include <iterator>
#include <ranges>
#include <string_view>
#include <utility>

#include <fmt/format.h>

#include "broker/core/core.hpp"

namespace sublet::broker {
namespace {

constexpr std::size_t kMaxClasses = 1000;

wire::DeadChunk chunk_of(const DeadEntry& entry, bool kept) {
  return {.id = entry.id,
          .code = entry.code,
          .attempts = entry.attempts,
          .crashes = entry.crashes,
          .bytes = entry.bytes,
          .kept = kept,
          .replayed = entry.replayed,
          .detail = std::string(entry.detail)};
}

/// The place that a payload by reference lay in is another's as soon as its producer heard that it is dead.
bool is_payload_gone(const Job& job, const DeadBatch& batch) { return !batch.record->kept || job.spec.host != Token{}; }

std::unexpected<Error> payload_gone(const Job& job, std::uint64_t chunk, std::string_view remedy) {
  const auto* why = job.spec.host == Token{} ? "its queue had no room for it" : "the job was submitted by reference";
  return fail(ErrorCode::payload_lost,
              fmt::format("job {}: the payload of dead chunk {} was not kept, since {}; {}", to_hex(job.id), chunk, why, remedy));
}

void add_classes(const Job& job, const wire::DeadSelection& selection, std::vector<wire::DeadClass>& out) {
  std::map<ErrorCode, wire::DeadClass> classes;
  for (const auto& batch : job.dead | std::views::values) {
    for (const auto& entry : entries_of(*batch.record)) {
      if (!selects(selection, entry)) continue;
      auto& found = classes[entry.code];
      if (found.chunks++ == 0) {
        found.job = job.id;
        found.code = entry.code;
        found.example = entry.id;
        found.detail = entry.detail;
      }
      if (entry.replayed != JobId{}) ++found.replayed;
      if (!is_payload_gone(job, batch)) found.bytes += entry.bytes;
    }
  }
  for (auto& found : classes | std::views::values) out.push_back(std::move(found));
}

/// The chunks of one dead batch that are run again.
struct Taken {
  std::uint64_t number = 0;
  std::vector<DeadEntry> entries;
};

struct Replaying {
  std::vector<Taken> batches;
  std::uint64_t chunks = 0;
  std::uint64_t bytes = 0;
};

std::unexpected<Error> nothing_to_replay(const Job& job, std::uint64_t replayed) {
  if (replayed > 0) {
    return fail(ErrorCode::not_found, fmt::format("job {}: its {} dead chunks of that selection were replayed before; see `sublet dead "
                                                  "show`, or replay them again with --again",
                                                  to_hex(job.id), replayed));
  }
  return fail(ErrorCode::not_found, fmt::format("job {} has no dead chunk of that selection; see `sublet dead show`", to_hex(job.id)));
}

Result<Replaying> choose(const Job& job, const wire::Replay& message) {
  Replaying chosen;
  const auto* remedy = job.spec.host == Token{} ? "leave it out with --chunks, or submit it again" : "submit it again";
  std::uint64_t replayed = 0;
  for (const auto& [number, batch] : job.dead) {
    Taken taken{.number = number, .entries = {}};
    for (const auto& entry : entries_of(*batch.record)) {
      if (!selects(message.select, entry)) continue;
      if (entry.replayed != JobId{} && !message.again) {
        ++replayed;
        continue;
      }
      if (is_payload_gone(job, batch)) return payload_gone(job, entry.id, remedy);
      if (entry.bytes > message.spec.max_chunk_bytes) {
        return fail(ErrorCode::chunk_too_large, fmt::format("dead chunk {} has {} bytes and max_chunk_bytes is {}; allow more", entry.id,
                                                            entry.bytes, message.spec.max_chunk_bytes));
      }
      ++chosen.chunks;
      chosen.bytes += entry.bytes;
      taken.entries.push_back(entry);
    }
    if (!taken.entries.empty()) chosen.batches.push_back(std::move(taken));
  }
  if (chosen.chunks == 0) return nothing_to_replay(job, replayed);
  return chosen;
}

}  // namespace

void Core::keep_dead(Job& job, DeadDraft& draft) {
  auto batch = draft.take();
  const auto room = options_.dead_budget_bytes.count - std::min(options_.dead_budget_bytes.count, job.queue->dead_bytes);
  if (batch.cost() > room) batch = without_payload(batch);
  if (!batch.record->kept) counts_.unkept_dead += batch.chunks();
  if (batch.cost() > room) return;
  if (job.dead.empty()) hold_pool(job, true);
  const auto number = ++job.last_dead;
  const RecordKey key{.kind = RecordKind::dead, .owner = job.id.value, .item = number};
  write(key, batch.record);
  if (!batch.payload.empty()) write({.kind = RecordKind::dead_bytes, .owner = key.owner, .item = key.item}, batch.payload);
  count_dead_bytes(job, static_cast<std::int64_t>(batch.cost()));
  job.dead.emplace(number, std::move(batch));
}

void Core::count_dead_bytes(Job& job, std::int64_t delta) {
  job.dead_bytes += static_cast<std::uint64_t>(delta);
  job.queue->dead_bytes += static_cast<std::uint64_t>(delta);
}

void Core::hold_pool(const Job& job, bool held) {
  const auto pool = pools_.find(job.spec.pipeline);
  if (pool == pools_.end()) return;
  pool->second.dead_jobs += held ? 1 : ~std::uint64_t{0};
  pool->second.touch();
}

void Core::erase_dead(Job& job, std::uint64_t number) {
  const auto at = job.dead.find(number);
  erase({.kind = RecordKind::dead, .owner = job.id.value, .item = number});
  if (!at->second.payload.empty()) erase({.kind = RecordKind::dead_bytes, .owner = job.id.value, .item = number});
  count_dead_bytes(job, -static_cast<std::int64_t>(at->second.cost()));
  job.dead.erase(at);
  if (job.dead.empty()) hold_pool(job, false);
}

void Core::restore_dead(Job& job, std::uint64_t number, DeadBatch batch) {
  if (job.dead.empty()) hold_pool(job, true);
  job.last_dead = std::max(job.last_dead, number);
  count_dead_bytes(job, static_cast<std::int64_t>(batch.cost()));
  job.dead.emplace(number, std::move(batch));
}

Core::Handled Core::on(Request request, wire::DeadQuery& message) {
  wire::DeadListed listed;
  if (message.job == JobId{}) {
    for (const auto* job : jobs_by_number_ | std::views::values | std::views::reverse) {
      if (!message.in_queue.empty() && job->spec.queue != message.in_queue) continue;
      add_classes(*job, message.select, listed.classes);
      if (listed.classes.size() >= kMaxClasses) break;
    }
    reply(request, std::move(listed));
    return {};
  }
  const auto found = find_job(message.job);
  if (!found) return std::unexpected(found.error());
  const auto& job = **found;
  add_classes(job, message.select, listed.classes);
  listed.spec = {job.spec};
  auto skip = message.skip;
  for (const auto& batch : job.dead | std::views::values) {
    if (listed.chunks.size() == message.limit) break;
    for (const auto& entry : entries_of(*batch.record)) {
      if (!selects(message.select, entry)) continue;
      if (skip > 0) {
        --skip;
        continue;
      }
      if (listed.chunks.size() < message.limit) listed.chunks.push_back(chunk_of(entry, !is_payload_gone(job, batch)));
    }
  }
  reply(request, std::move(listed));
  return {};
}

Core::Handled Core::on(Request request, wire::Peek& message) {
  const auto found = find_job(message.job);
  if (!found) return std::unexpected(found.error());
  for (const auto& batch : (*found)->dead | std::views::values) {
    for (const auto& entry : entries_of(*batch.record)) {
      if (entry.id != message.chunk) continue;
      if (is_payload_gone(**found, batch)) return payload_gone(**found, message.chunk, "submit it again");
      reply(request, wire::ChunkPayload{.job = message.job, .chunk = message.chunk}, {batch.payload.slice(entry.offset, entry.bytes)});
      return {};
    }
  }
  return fail(ErrorCode::not_found, fmt::format("job {} has no dead chunk {}", to_hex(message.job), message.chunk));
}

Core::Handled Core::on(Request request, wire::Remove& message) {
  const auto found = find_job(message.job);
  if (!found) return std::unexpected(found.error());
  auto& job = **found;
  std::uint64_t removed = 0;
  std::vector<std::pair<std::uint64_t, DeadBatch>> left;
  for (const auto& [number, batch] : job.dead) {
    auto entries = entries_of(*batch.record);
    const auto gone = std::erase_if(entries, [&](const DeadEntry& entry) { return selects(message.select, entry); });
    if (gone == 0) continue;
    removed += gone;
    left.emplace_back(number, entries.empty() ? DeadBatch{} : only(batch, entries));
  }
  for (auto& [number, batch] : left) replace_dead(job, number, std::move(batch));
  mark(job);
  reply(request, wire::Removed{.job = job.id, .found = true, .chunks = removed});
  return {};
}

void Core::replace_dead(Job& job, std::uint64_t number, DeadBatch batch) {
  if (batch.record == nullptr) return erase_dead(job, number);
  auto& old = job.dead.at(number);
  write({.kind = RecordKind::dead, .owner = job.id.value, .item = number}, batch.record);
  // The payloads of a batch only ever become fewer.
  const RecordKey bytes{.kind = RecordKind::dead_bytes, .owner = job.id.value, .item = number};
  if (batch.payload.empty() && !old.payload.empty()) erase(bytes);
  if (!batch.payload.empty() && batch.payload.size() != old.payload.size()) write(bytes, batch.payload);
  count_dead_bytes(job, static_cast<std::int64_t>(batch.cost()) - static_cast<std::int64_t>(old.cost()));
  old = std::move(batch);
}

Core::Handled Core::on(Request request, wire::Replay& message) {
  if (auto valid = check_spec(message.spec, options_.max_chunk_bytes); !valid) return valid;
  if (auto* known = job_of_key(message.spec)) {
    if (known->origin == message.job) return resume(request, *known, message.spec);
    return fail(ErrorCode::job_conflict, fmt::format("the idempotency key \"{}\" belongs to job {}, which replays no chunks of job {}; use "
                                                     "another key",
                                                     message.spec.idempotency_key, to_hex(known->id), to_hex(message.job)));
  }
  const auto found = find_job(message.job);
  if (!found) return std::unexpected(found.error());
  auto& origin = **found;
  const auto chosen = choose(origin, message);
  if (!chosen) return std::unexpected(chosen.error());
  auto bundle = request.payload;
  if (bundle.empty()) {
    const auto pool = pools_.find(message.spec.pipeline);
    if (pool == pools_.end()) {
      return fail(ErrorCode::not_found,
                  fmt::format("the bundle {}… is not kept any more; replay with --pipeline FILE", to_hex(message.spec.pipeline.words[0])));
    }
    bundle = pool->second.bundle;
  }
  const auto& queue = queue_named(message.spec.queue);
  const bool held = message.spec.delay > 0ms || !message.spec.after.empty();
  if (auto budget = check_budget(queue, {.chunks = chosen->chunks, .bytes = chosen->bytes, .held = held}); !budget) return budget;
  const auto opened = open_job(std::move(message.spec), bundle, origin.id);
  if (!opened) return std::unexpected(opened.error());
  auto& job = **opened;
  for (const auto& taken : chosen->batches) replay(origin, taken.number, taken.entries, job);
  job.progress.state = JobState::closed;
  mark(job);
  reply(request, wire::Opened{.job = job.id, .accepted = job.progress.accepted});
  return {};
}

void Core::replay(Job& origin, std::uint64_t number, const std::vector<DeadEntry>& entries, Job& job) {
  const auto& batch = origin.dead.at(number);
  auto part = only(batch, entries);
  for (const auto& range : part.record->chunks) accept_ids(job, range);
  auto marked = *batch.record;
  marked.replayed.resize(batch.chunks());
  for (const auto& entry : entries) marked.replayed[entry.index] = job.id;
  store_batch(job, {.chunks = part.record->chunks, .lengths = part.record->lengths}, std::move(part.payload));
  replace_dead(origin, number, {.record = std::make_shared<const DeadRecord>(std::move(marked)), .payload = batch.payload});
}

}  // namespace sublet::broker
