#pragma once

// Walks through what is stored.

#include <cstdint>
#include <set>
#include <string>
#include <vector>

#include <fmt/format.h>

#include "broker/stores/record.hpp"
#include "tests/sim/disk.hpp"

namespace sublet::sim {

template <class Visit>
void for_each_id(const std::vector<ChunkRange>& ranges, Visit visit) {
  for (const auto& range : ranges) {
    for (std::uint64_t step = 0; step < range.count; ++step) visit(range.first + step);
  }
}

inline std::vector<std::uint64_t> ids_of(const std::vector<ChunkRange>& ranges) {
  std::vector<std::uint64_t> ids;
  for_each_id(ranges, [&](std::uint64_t id) { ids.push_back(id); });
  return ids;
}

inline std::string job_text(JobId job) { return fmt::format("job {}", to_hex(job).substr(0, 4)); }

/// All records of one kind that belong to one owner.
template <class Visit>
void for_each_of(const Disk& disk, broker::RecordKind kind, std::uint64_t owner, Visit visit) {
  const auto& records = disk.records();
  for (auto at = records.lower_bound({.kind = kind, .owner = owner}); at != records.end(); ++at) {
    if (at->first.kind != kind || at->first.owner != owner) return;
    visit(at->first, at->second);
  }
}

/// All records of one kind.
template <class Visit>
void for_each_of(const Disk& disk, broker::RecordKind kind, Visit visit) {
  const auto& records = disk.records();
  for (auto at = records.lower_bound({.kind = kind}); at != records.end() && at->first.kind == kind; ++at) visit(at->first, at->second);
}

inline std::set<std::uint64_t> accepted_of(const Disk& disk, JobId job) {
  std::set<std::uint64_t> accepted;
  for_each_of(disk, broker::RecordKind::accepted, job.value, [&](const broker::RecordKey& key, const broker::RecordValue& value) {
    for (auto chunk = key.item; chunk <= std::get<broker::AcceptedRecord>(value).last; ++chunk) accepted.insert(chunk);
  });
  return accepted;
}

}  // namespace sublet::sim
