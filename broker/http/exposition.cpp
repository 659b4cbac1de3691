#include "broker/http/exposition.hpp"

#include <array>
#include <initializer_list>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <prometheus/metric_family.h>
#include <prometheus/text_serializer.h>

#include "common/error.hpp"
#include "common/job_text.hpp"
#include "common/metrics.hpp"

namespace sublet::broker {
namespace {

using Labels = std::initializer_list<std::string_view>;

prometheus::MetricType type_of(MetricKind kind) {
  switch (kind) {
    case MetricKind::counter:
      return prometheus::MetricType::Counter;
    case MetricKind::gauge:
      return prometheus::MetricType::Gauge;
    case MetricKind::histogram:
      return prometheus::MetricType::Histogram;
  }
  return prometheus::MetricType::Untyped;
}

/// Collects values in families as the table describes them. Those of one metric are added one after the other.
class Families {
 public:
  /// @param labels  values, one for each label of the metric's row
  void add(Metric metric, double value, Labels labels = {}) {
    auto& entry = next(metric, labels);
    if (metric_info(metric).kind == MetricKind::counter) {
      entry.counter.value = value;
    } else {
      entry.gauge.value = value;
    }
  }

  /// @param unit  what one of the histogram's is in the metric's unit
  template <std::size_t Buckets>
  void add(Metric metric, const Histogram<Buckets>& histogram, double unit, Labels labels = {}) {
    auto& entry = next(metric, labels).histogram;
    entry.sample_sum = static_cast<double>(histogram.sum()) * unit;
    std::uint64_t count = 0;
    for (std::size_t bucket = 0; bucket + 1 < Buckets; ++bucket) {
      count += histogram.count(bucket);
      entry.bucket.push_back({.cumulative_count = count, .upper_bound = static_cast<double>(histogram.bound(bucket)) * unit});
    }
    entry.sample_count = histogram.total();
  }

  [[nodiscard]] std::string text() const { return prometheus::TextSerializer().Serialize(families_); }

 private:
  prometheus::ClientMetric& next(Metric metric, Labels labels) {
    const auto& info = metric_info(metric);
    if (families_.empty() || families_.back().name != info.name) {
      families_.push_back({.name = std::string(info.name), .help = std::string(info.help), .type = type_of(info.kind), .metric = {}});
    }
    auto& entry = families_.back().metric.emplace_back();
    for (std::size_t index = 0; const auto value : labels) {
      entry.label.push_back({.name = std::string(info.labels.at(index++)), .value = std::string(value)});
    }
    return entry;
  }

  std::vector<prometheus::MetricFamily> families_;
};

constexpr double kMicro = 1e-6;
constexpr double kMilli = 1e-3;

void add_queues(Families& families, const std::vector<QueueStatistics>& queues) {
  const auto each = [&](Metric metric, auto value) {
    for (const auto& queue : queues) families.add(metric, static_cast<double>(value(queue)), {queue.status.name});
  };
  for (const auto& queue : queues) {
    families.add(Metric::broker_queue_chunks, static_cast<double>(queue.status.held), {queue.status.name, "held"});
    families.add(Metric::broker_queue_chunks, static_cast<double>(queue.status.ready), {queue.status.name, "ready"});
    families.add(Metric::broker_queue_chunks, static_cast<double>(queue.status.waiting), {queue.status.name, "waiting"});
    families.add(Metric::broker_queue_chunks, static_cast<double>(queue.status.leased), {queue.status.name, "leased"});
  }
  each(Metric::broker_queue_oldest_seconds, [](const auto& queue) { return static_cast<double>(queue.status.oldest_ms) * kMilli; });
  each(Metric::broker_queue_payload_bytes, [](const auto& queue) { return queue.status.bytes; });
  each(Metric::broker_queue_output_bytes, [](const auto& queue) { return queue.status.output_bytes; });
  each(Metric::broker_queue_dead_bytes, [](const auto& queue) { return queue.status.dead_bytes; });
  each(Metric::broker_queue_event_bytes, [](const auto& queue) { return queue.event_bytes; });
  for (const auto& queue : queues) {
    for (std::size_t state = 0; state < queue.jobs.size(); ++state) {
      families.add(Metric::broker_jobs, static_cast<double>(queue.jobs[state]), {queue.status.name, to_text(static_cast<JobState>(state))});
    }
  }
  each(Metric::chunks_done, [](const auto& queue) { return queue.status.done; });
  each(Metric::chunks_retry_total, [](const auto& queue) { return queue.status.retries; });
  each(Metric::bytes_in, [](const auto& queue) { return queue.counts.bytes_in; });
  each(Metric::bytes_out, [](const auto& queue) { return queue.counts.bytes_out; });
  each(Metric::broker_returned_chunks_total, [](const auto& queue) { return queue.counts.returned; });
  for (const auto& queue : queues) {
    for (const auto& [code, count] : queue.counts.dead) {
      families.add(Metric::broker_dead_chunks_total, static_cast<double>(count), {queue.status.name, error_info(code).name});
    }
  }
  for (const auto& queue : queues) families.add(Metric::chunk_latency_seconds, queue.counts.chunk_micros, kMicro, {queue.status.name});
}

void add_rules(Families& families, const RuleCounts& counts) {
  constexpr std::array<std::string_view, 5> kReasons{"age", "count", "bytes", "untaken", "teardown"};
  static_assert(kReasons.size() == static_cast<std::size_t>(ForgetReason::teardown) + 1);
  for (std::size_t reason = 0; reason < kReasons.size(); ++reason) {
    families.add(Metric::broker_forgotten_jobs_total, static_cast<double>(counts.forgotten[reason]), {kReasons[reason]});
  }
  families.add(Metric::broker_dead_chunks_unkept_total, static_cast<double>(counts.unkept_dead));
  families.add(Metric::broker_stale_settles_total, static_cast<double>(counts.stale_settles));
  families.add(Metric::broker_expired_leases_total, static_cast<double>(counts.expired_leases));
  families.add(Metric::broker_batch_chunks, counts.submit_chunks, 1, {"SUBMIT"});
  families.add(Metric::broker_batch_chunks, counts.run_chunks, 1, {"RUN"});
  families.add(Metric::broker_batch_chunks, counts.settle_chunks, 1, {"SETTLE"});
  families.add(Metric::broker_batch_chunks, counts.output_chunks, 1, {"OUTPUT"});
}

void add_loop(Families& families, const Readings& readings) {
  const Counters& loop = readings.loop;
  families.add(Metric::broker_peers, static_cast<double>(readings.producers), {"producer"});
  families.add(Metric::broker_peers, static_cast<double>(readings.workers), {"worker"});
  families.add(Metric::broker_messages_received_total, static_cast<double>(loop.received));
  families.add(Metric::broker_messages_sent_total, static_cast<double>(loop.sent));
  families.add(Metric::broker_messages_malformed_total, static_cast<double>(loop.malformed));
  families.add(Metric::broker_messages_dropped_total, static_cast<double>(loop.full));
  families.add(Metric::broker_messages_from_strangers_total, static_cast<double>(loop.strangers));
  families.add(Metric::broker_silent_peers_total, static_cast<double>(loop.silent));
  families.add(Metric::broker_commits_total, static_cast<double>(loop.commits));
  families.add(Metric::broker_commit_seconds, loop.commit_micros, kMicro);
  families.add(Metric::broker_commit_writes, loop.commit_writes, 1);
  families.add(Metric::broker_ended_jobs_bytes, static_cast<double>(readings.rules.ended_bytes));
  families.add(Metric::broker_resident_payload_bytes, static_cast<double>(readings.rules.resident_bytes));
  families.add(Metric::broker_leases, static_cast<double>(readings.rules.leases));
  families.add(Metric::broker_store_ready, is_store_ready(readings) ? 1 : 0, {readings.store});
  families.add(Metric::broker_store_weakened, readings.store_weakened ? 1 : 0, {readings.store});
  for (std::size_t shard = 0; shard < readings.served.size(); ++shard) {
    families.add(Metric::broker_shard_served, readings.served[shard] ? 1 : 0, {std::to_string(shard)});
  }
}

}  // namespace

std::string exposition(const Readings& readings) {
  Families families;
  add_queues(families, readings.rules.queues);
  add_rules(families, readings.rules.counts);
  add_loop(families, readings);
  return families.text();
}

}  // namespace sublet::broker
