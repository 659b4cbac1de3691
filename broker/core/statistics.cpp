#include "broker/core/statistics.hpp"

#include <algorithm>

namespace sublet::broker {
namespace {

void merge(wire::QueueStatus& into, const wire::QueueStatus& more) {
  into.paused = into.paused || more.paused;
  into.jobs += more.jobs;
  into.held += more.held;
  into.ready += more.ready;
  into.waiting += more.waiting;
  into.leased += more.leased;
  into.bytes += more.bytes;
  into.output_bytes += more.output_bytes;
  into.dead_bytes += more.dead_bytes;
  into.oldest_ms = std::max(into.oldest_ms, more.oldest_ms);
  into.done += more.done;
  into.dead += more.dead;
  into.retries += more.retries;
}

void merge(QueueStatistics& into, const QueueStatistics& more) {
  merge(into.status, more.status);
  into.event_bytes += more.event_bytes;
  into.counts.bytes_in += more.counts.bytes_in;
  into.counts.bytes_out += more.counts.bytes_out;
  into.counts.returned += more.counts.returned;
  for (const auto& [code, count] : more.counts.dead) into.counts.dead[code] += count;
  into.counts.chunk_micros += more.counts.chunk_micros;
  for (std::size_t state = 0; state < into.jobs.size(); ++state) into.jobs[state] += more.jobs[state];
}

}  // namespace

void merge(Statistics& into, Statistics more) {
  for (auto& queue : more.queues) {
    const auto same = std::ranges::find(into.queues, queue.status.name, [](const auto& known) { return known.status.name; });
    if (same == into.queues.end()) {
      into.queues.push_back(std::move(queue));
    } else {
      merge(*same, queue);
    }
  }
  into.counts.stale_settles += more.counts.stale_settles;
  into.counts.expired_leases += more.counts.expired_leases;
  for (std::size_t reason = 0; reason < into.counts.forgotten.size(); ++reason) {
    into.counts.forgotten[reason] += more.counts.forgotten[reason];
  }
  into.counts.unkept_dead += more.counts.unkept_dead;
  into.counts.submit_chunks += more.counts.submit_chunks;
  into.counts.run_chunks += more.counts.run_chunks;
  into.counts.settle_chunks += more.counts.settle_chunks;
  into.counts.output_chunks += more.counts.output_chunks;
  into.leases += more.leases;
  into.ended_bytes += more.ended_bytes;
  into.resident_bytes += more.resident_bytes;
}

}  // namespace sublet::broker
