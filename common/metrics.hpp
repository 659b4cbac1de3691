#pragma once

// Every number that Sublet counts for its operators: names, kinds, units and labels in one table, whatever exports them.

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

namespace sublet {

enum class MetricKind : std::uint8_t {
  counter,    ///< only grows, from 0 at the start of its process
  gauge,      ///< as it is now
  histogram,  ///< counts and sum of observed values
};

enum class MetricUnit : std::uint8_t { one, bytes, seconds, milliseconds };

/// In the order of the table. Names are those that are exported.
enum class Metric : std::uint8_t {
  // Sessions and leases, counted by the worker.
  gpu_session_launch_total,
  gpu_session_mem_alloc_bytes,
  gpu_session_sync_total,
  gpu_session_sync_errors,
  gpu_leases_active,
  gpu_lease_acquired,
  gpu_lease_dropped,
  gpu_lease_seconds,
  kernel_launch_total,
  kernel_fail_total,
  // Chunks, counted where they settle.
  chunks_done,
  chunks_retry_total,
  chunk_latency_seconds,
  bytes_in,
  bytes_out,
  // The inference service.
  inference_latency_ms,
  // The broker.
  broker_queue_chunks,
  broker_queue_oldest_seconds,
  broker_queue_payload_bytes,
  broker_queue_output_bytes,
  broker_queue_dead_bytes,
  broker_queue_event_bytes,
  broker_jobs,
  broker_ended_jobs_bytes,
  broker_resident_payload_bytes,
  broker_forgotten_jobs_total,
  broker_peers,
  broker_dead_chunks_total,
  broker_dead_chunks_unkept_total,
  broker_stale_settles_total,
  broker_expired_leases_total,
  broker_returned_chunks_total,
  broker_messages_received_total,
  broker_messages_sent_total,
  broker_messages_malformed_total,
  broker_messages_dropped_total,
  broker_messages_from_strangers_total,
  broker_silent_peers_total,
  broker_commits_total,
  broker_commit_seconds,
  broker_commit_writes,
  broker_leases,
  broker_store_ready,
  broker_store_weakened,
  broker_shard_served,
  broker_batch_chunks,
};

inline constexpr std::size_t kMaxMetricLabels = 3;

struct MetricInfo {
  Metric metric;
  std::string_view name;
  MetricKind kind;
  MetricUnit unit;
  /// Those that are not empty, in this order.
  std::array<std::string_view, kMaxMetricLabels> labels;
  std::string_view help;
};

/// The whole table, in the order of `Metric`.
std::span<const MetricInfo> metric_table();

const MetricInfo& metric_info(Metric metric);

/// As Prometheus spells it: "counter".
std::string_view to_text(MetricKind kind);

}  // namespace sublet
