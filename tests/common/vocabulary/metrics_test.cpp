#include "common/metrics.hpp"

#include <algorithm>
#include <set>

#include <gtest/gtest.h>

namespace sublet {
namespace {

/// What Prometheus takes as a metric's or label's name, without the colon that belongs to recording rules.
bool is_legal(std::string_view name) {
  const auto letter = [](char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_'; };
  const auto fits = [&](char c) { return letter(c) || (c >= '0' && c <= '9'); };
  return !name.empty() && letter(name.front()) && std::ranges::all_of(name, fits);
}

TEST(MetricTable, NamesAreUniqueAndLegal) {
  std::set<std::string_view> names;
  for (const auto& row : metric_table()) {
    EXPECT_TRUE(is_legal(row.name)) << row.name;
    EXPECT_TRUE(names.insert(row.name).second) << row.name;
  }
}

TEST(MetricTable, NoNameIsOneThatAHistogramMakes) {
  std::set<std::string> made;
  for (const auto& row : metric_table()) {
    if (row.kind != MetricKind::histogram) continue;
    for (const auto* suffix : {"_bucket", "_sum", "_count"}) made.insert(std::string(row.name) + suffix);
  }
  for (const auto& row : metric_table()) EXPECT_FALSE(made.contains(std::string(row.name))) << row.name;
}

TEST(MetricTable, LabelsAreLegalAndDifferentAndNotReserved) {
  for (const auto& row : metric_table()) {
    std::set<std::string_view> seen;
    bool has_ended = false;
    for (const auto label : row.labels) {
      EXPECT_FALSE(has_ended && !label.empty()) << row.name << ": a label after an empty one";
      has_ended = label.empty();
      if (has_ended) continue;
      EXPECT_TRUE(is_legal(label) && !label.starts_with("__") && label != "le") << row.name << " " << label;
      EXPECT_TRUE(seen.insert(label).second) << row.name << " " << label;
    }
  }
}

TEST(MetricTable, EveryMetricSaysWhatItIs) {
  for (const auto& row : metric_table()) EXPECT_FALSE(row.help.empty()) << row.name;
}

TEST(MetricTable, OnlyCountersEndInTotal) {
  for (const auto& row : metric_table()) {
    if (row.name.ends_with("_total")) {
      EXPECT_EQ(row.kind, MetricKind::counter) << row.name;
    }
  }
}

TEST(MetricTable, AUnitInTheNameIsTheUnit) {
  for (const auto& row : metric_table()) {
    if (row.name.ends_with("_seconds")) {
      EXPECT_EQ(row.unit, MetricUnit::seconds) << row.name;
    }
    if (row.name.ends_with("_ms")) {
      EXPECT_EQ(row.unit, MetricUnit::milliseconds) << row.name;
    }
    if (row.name.ends_with("_bytes")) {
      EXPECT_EQ(row.unit, MetricUnit::bytes) << row.name;
    }
  }
}

TEST(MetricTable, FindsEachRowByItsMetric) {
  for (const auto& row : metric_table()) EXPECT_EQ(&metric_info(row.metric), &row);
}

void expect_metrics(MetricKind kind, std::initializer_list<std::string_view> names) {
  for (const auto name : names) {
    const auto row = std::ranges::find(metric_table(), name, &MetricInfo::name);
    ASSERT_NE(row, metric_table().end()) << name;
    EXPECT_EQ(row->kind, kind) << name;
  }
}

TEST(MetricTable, M1_M2_M3_SessionsAreCounted) {
  expect_metrics(MetricKind::counter, {"gpu_session_launch_total", "gpu_session_sync_total", "gpu_session_sync_errors"});
  expect_metrics(MetricKind::gauge, {"gpu_session_mem_alloc_bytes"});
}

TEST(MetricTable, M4_M5_M8_LeasesAreCounted) {
  expect_metrics(MetricKind::gauge, {"gpu_leases_active"});
  expect_metrics(MetricKind::counter, {"gpu_lease_acquired", "gpu_lease_dropped", "gpu_lease_seconds"});
  EXPECT_EQ(metric_info(Metric::gpu_lease_dropped).labels[2], "reason");
  EXPECT_EQ(metric_info(Metric::gpu_lease_seconds).labels[2], "model");
}

TEST(MetricTable, M6_M7_M9_M10_ChunksKernelsAndInferenceAreCounted) {
  expect_metrics(MetricKind::counter,
                 {"chunks_done", "chunks_retry_total", "kernel_launch_total", "kernel_fail_total", "bytes_in", "bytes_out"});
  expect_metrics(MetricKind::histogram, {"chunk_latency_seconds", "inference_latency_ms"});
}

}  // namespace
}  // namespace sublet
