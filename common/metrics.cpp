#include "common/metrics.hpp"

namespace sublet {
namespace {

using enum MetricKind;
using enum MetricUnit;

constexpr auto kMetricTable = std::to_array<MetricInfo>({
    {Metric::gpu_session_launch_total,
     "gpu_session_launch_total",
     counter,
     one,
     {"lease", "tenant", "gpu"},
     "kernel launches of a session"},
    {Metric::gpu_session_mem_alloc_bytes,
     "gpu_session_mem_alloc_bytes",
     gauge,
     bytes,
     {"lease", "tenant", "gpu"},
     "device memory that a session has allocated and not freed"},
    {Metric::gpu_session_sync_total,
     "gpu_session_sync_total",
     counter,
     one,
     {"lease", "tenant", "gpu"},
     "waits of a session for its launches"},
    {Metric::gpu_session_sync_errors,
     "gpu_session_sync_errors",
     counter,
     one,
     {"lease", "tenant", "gpu"},
     "waits that ended with an error"},
    {Metric::gpu_leases_active, "gpu_leases_active", gauge, one, {"tenant", "gpu"}, "leases held now"},
    {Metric::gpu_lease_acquired, "gpu_lease_acquired", counter, one, {"tenant", "gpu"}, "leases granted"},
    {Metric::gpu_lease_dropped,
     "gpu_lease_dropped",
     counter,
     one,
     {"tenant", "gpu", "reason"},
     "leases that ended, by why: dropped, expired, or an error's name"},
    {Metric::gpu_lease_seconds, "gpu_lease_seconds", counter, seconds, {"tenant", "gpu", "model"}, "time that leases were held"},
    {Metric::kernel_launch_total, "kernel_launch_total", counter, one, {"tenant", "gpu", "kernel"}, "kernel launches"},
    {Metric::kernel_fail_total,
     "kernel_fail_total",
     counter,
     one,
     {"tenant", "gpu", "code"},
     "launches refused and kernels that failed, by error"},
    {Metric::chunks_done, "chunks_done", counter, one, {"queue"}, "chunks done, each once"},
    {Metric::chunks_retry_total, "chunks_retry_total", counter, one, {"queue"}, "attempts after the first that were charged to a chunk"},
    {Metric::chunk_latency_seconds, "chunk_latency_seconds", histogram, seconds, {"queue"}, "time a session took for one chunk"},
    {Metric::bytes_in, "bytes_in", counter, bytes, {"queue"}, "payload bytes accepted"},
    {Metric::bytes_out, "bytes_out", counter, bytes, {"queue"}, "output bytes settled"},
    {Metric::inference_latency_ms,
     "inference_latency_ms",
     histogram,
     milliseconds,
     {"tenant", "model"},
     "time from an inference request to its answer"},
    {Metric::broker_queue_chunks,
     "broker_queue_chunks",
     gauge,
     one,
     {"queue", "state"},
     "chunks by state: held (their job is delayed or blocked), ready, waiting, leased"},
    {Metric::broker_queue_oldest_seconds,
     "broker_queue_oldest_seconds",
     gauge,
     seconds,
     {"queue"},
     "age of the oldest chunk that has not run"},
    {Metric::broker_queue_payload_bytes, "broker_queue_payload_bytes", gauge, bytes, {"queue"}, "payload bytes kept"},
    {Metric::broker_queue_output_bytes, "broker_queue_output_bytes", gauge, bytes, {"queue"}, "output bytes that no reader has taken"},
    {Metric::broker_queue_dead_bytes, "broker_queue_dead_bytes", gauge, bytes, {"queue"}, "bytes of dead chunks kept to be replayed"},
    {Metric::broker_queue_event_bytes,
     "broker_queue_event_bytes",
     gauge,
     bytes,
     {"queue"},
     "bytes of error texts not yet taken, and watchers"},
    {Metric::broker_jobs, "broker_jobs", gauge, one, {"queue", "state"}, "jobs by state"},
    {Metric::broker_ended_jobs_bytes, "broker_ended_jobs_bytes", gauge, bytes, {}, "outputs and dead chunks that ended jobs keep"},
    {Metric::broker_resident_payload_bytes, "broker_resident_payload_bytes", gauge, bytes, {}, "payload bytes in the broker's memory"},
    {Metric::broker_forgotten_jobs_total,
     "broker_forgotten_jobs_total",
     counter,
     one,
     {"reason"},
     "ended jobs forgotten, by why: age, count, bytes, untaken, teardown"},
    {Metric::broker_peers, "broker_peers", gauge, one, {"role"}, "connected producers and workers"},
    {Metric::broker_dead_chunks_total,
     "broker_dead_chunks_total",
     counter,
     one,
     {"queue", "code"},
     "chunks that failed for good, by error"},
    {Metric::broker_dead_chunks_unkept_total,
     "broker_dead_chunks_unkept_total",
     counter,
     one,
     {},
     "dead chunks whose payload found no room, which cannot be replayed"},
    {Metric::broker_stale_settles_total, "broker_stale_settles_total", counter, one, {}, "results refused for their old fence"},
    {Metric::broker_expired_leases_total,
     "broker_expired_leases_total",
     counter,
     one,
     {},
     "leases whose holder did not renew them in time"},
    {Metric::broker_returned_chunks_total,
     "broker_returned_chunks_total",
     counter,
     one,
     {"queue"},
     "chunks that became ready again, uncharged"},
    {Metric::broker_messages_received_total, "broker_messages_received_total", counter, one, {}, "messages that were read"},
    {Metric::broker_messages_sent_total, "broker_messages_sent_total", counter, one, {}, "messages handed to a socket"},
    {Metric::broker_messages_malformed_total, "broker_messages_malformed_total", counter, one, {}, "messages that were refused unread"},
    {Metric::broker_messages_dropped_total,
     "broker_messages_dropped_total",
     counter,
     one,
     {},
     "messages that a full socket would not take; credit is there to keep this at 0"},
    {Metric::broker_messages_from_strangers_total,
     "broker_messages_from_strangers_total",
     counter,
     one,
     {},
     "messages from connections without HELLO"},
    {Metric::broker_silent_peers_total, "broker_silent_peers_total", counter, one, {}, "peers given up after three silent heartbeats"},
    {Metric::broker_commits_total, "broker_commits_total", counter, one, {}, "commits that the store took"},
    {Metric::broker_commit_seconds, "broker_commit_seconds", histogram, seconds, {}, "time from a commit to the store's answer"},
    {Metric::broker_commit_writes, "broker_commit_writes", histogram, one, {}, "writes in one commit"},
    {Metric::broker_leases, "broker_leases", gauge, one, {}, "leases that live"},
    {Metric::broker_store_ready, "broker_store_ready", gauge, one, {"store"}, "1 while the store answers commits in time"},
    {Metric::broker_store_weakened,
     "broker_store_weakened",
     gauge,
     one,
     {"store"},
     "1 while its settings give less durability than at its opening"},
    {Metric::broker_shard_served, "broker_shard_served", gauge, one, {"shard"}, "1 where this broker serves the shard"},
    {Metric::broker_batch_chunks, "broker_batch_chunks", histogram, one, {"message"}, "chunks in one SUBMIT, RUN, SETTLE or OUTPUT"},
});

constexpr bool is_in_order() {
  for (std::size_t row = 0; row < kMetricTable.size(); ++row) {
    if (static_cast<std::size_t>(kMetricTable[row].metric) != row) return false;
  }
  return static_cast<std::size_t>(Metric::broker_batch_chunks) + 1 == kMetricTable.size();
}
static_assert(is_in_order());

}  // namespace

std::span<const MetricInfo> metric_table() { return kMetricTable; }

const MetricInfo& metric_info(Metric metric) { return kMetricTable[static_cast<std::size_t>(metric)]; }

std::string_view to_text(MetricKind kind) {
  switch (kind) {
    case counter:
      return "counter";
    case gauge:
      return "gauge";
    case histogram:
      return "histogram";
  }
  return "";
}

}  // namespace sublet
