#include <utility>

#include "broker/core/core.hpp"

namespace sublet::broker {

Core::Handled Core::on(Request request, wire::Read& message) {
  const auto found = find_job(message.job);
  if (!found) return std::unexpected(found.error());
  auto& job = **found;
  touch(job);
  job.log.read({.peer = request.peer, .request = request.request, .chunks = message.chunks, .bytes = message.bytes}, message.after);
  peers_.at(request.peer).jobs.insert(job.id);
  job.readable = true;
  mark(job);
  return {};
}

Core::Handled Core::on(Request, wire::Taken& message) {
  const auto found = jobs_.find(message.job);
  // TAKEN has no answer: of a job that is forgotten, everything is gone already.
  if (found == jobs_.end()) return {};
  auto& job = *found->second;
  touch(job);
  const auto before = job.log.bytes();
  job.log.take(message.cursor, [&](Cursor cursor) {
    erase({.kind = RecordKind::output, .owner = job.id.value, .item = cursor.value});
    erase({.kind = RecordKind::output_bytes, .owner = job.id.value, .item = cursor.value});
  });
  count_output_bytes(*job.queue, static_cast<std::int64_t>(job.log.bytes()) - static_cast<std::int64_t>(before));
  count_events(job);
  job.progress.taken = job.log.taken();
  job.readable = true;
  mark(job);
  return {};
}

void Core::pump(Job& job) {
  while (const auto* entry = job.log.send_next()) {
    const auto& reader = job.log.readers().back();
    std::vector<Blob> payload;
    if (!entry->payload.empty()) payload.push_back(entry->payload);
    send(reader.peer, reader.request, *entry->output, std::move(payload));
  }
}

void Core::append_entry(Job& job, Entry entry, Blob payload) {
  if (entry.empty()) return;
  if (!entry.dead().empty()) keep_dead(job, entry.dead());
  auto& output = entry.output();
  if (job.queue->event_bytes + texts_of(output) > options_.event_budget_bytes.count) output.details.clear();
  counts_.output_chunks.observe(output.lengths.values.size());
  output.job = job.id;
  output.cursor = job.log.next();
  const auto shared = std::make_shared<const wire::Output>(std::move(output));
  write({.kind = RecordKind::output, .owner = job.id.value, .item = shared->cursor.value}, shared);
  if (!payload.empty()) write({.kind = RecordKind::output_bytes, .owner = job.id.value, .item = shared->cursor.value}, payload);
  count_output_bytes(*job.queue, static_cast<std::int64_t>(payload.size()));
  job.log.append(shared, std::move(payload));
  count_events(job);
  job.progress.last_output = job.log.last();
  job.readable = true;
  mark(job);
}

void Core::count_output_bytes(Queue& queue, std::int64_t delta) {
  queue.output_bytes += static_cast<std::uint64_t>(delta);
  const bool open = !queue.paused && queue.output_bytes <= options_.output_budget_bytes.count;
  if (open != queue.open) index_.open(queue, open);
}

}  // namespace sublet::broker
