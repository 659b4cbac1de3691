#include "producer/core/merge.hpp"

#include <algorithm>
#include <iterator>
#include <map>
#include <ranges>
#include <string>
#include <utility>

namespace sublet::producer {

std::vector<JobStatus> merge_jobs(const std::vector<wire::Listed>& listed, std::size_t limit) {
  std::vector<JobStatus> all;
  for (const auto& each : listed) std::ranges::copy(each.jobs, std::back_inserter(all));
  // A shard lists jobs that are equally old in the order in which they were opened.
  std::ranges::stable_sort(all, {}, &JobStatus::age_ms);
  if (all.size() > limit) all.resize(limit);
  return all;
}

std::vector<wire::QueueStatus> merge_queues(const std::vector<wire::Listed>& listed) {
  std::map<std::string, wire::QueueStatus> by_name;
  for (const auto& queue : listed | std::views::transform(&wire::Listed::queues) | std::views::join) {
    const auto [known, first] = by_name.try_emplace(queue.name, queue);
    if (first) continue;
    auto& sum = known->second;
    sum.paused = sum.paused && queue.paused;
    sum.jobs += queue.jobs;
    sum.held += queue.held;
    sum.ready += queue.ready;
    sum.waiting += queue.waiting;
    sum.leased += queue.leased;
    sum.bytes += queue.bytes;
    sum.output_bytes += queue.output_bytes;
    sum.dead_bytes += queue.dead_bytes;
    sum.oldest_ms = std::max(sum.oldest_ms, queue.oldest_ms);
    sum.done += queue.done;
    sum.dead += queue.dead;
    sum.retries += queue.retries;
  }
  std::vector<wire::QueueStatus> merged;
  std::ranges::copy(by_name | std::views::values, std::back_inserter(merged));
  return merged;
}

std::vector<wire::WorkerStatus> merge_workers(const std::vector<wire::Listed>& listed) {
  // Two of one name in one list are two.
  std::map<std::pair<std::string, std::size_t>, wire::WorkerStatus> by_name;
  for (const auto& each : listed) {
    std::map<std::string, std::size_t> namesakes;
    for (const auto& worker : each.workers) {
      const auto [known, first] = by_name.try_emplace({worker.name, namesakes[worker.name]++}, worker);
      if (first) continue;
      auto& sum = known->second;
      sum.cards = std::max(sum.cards, worker.cards);
      sum.total_bytes = std::max(sum.total_bytes, worker.total_bytes);
      sum.free_bytes += worker.free_bytes;
      sum.leases += worker.leases;
      sum.process_leases += worker.process_leases;
      sum.mps_leases += worker.mps_leases;
      sum.mps = sum.mps || worker.mps;
      sum.leased_chunks += worker.leased_chunks;
      sum.done += worker.done;
      sum.age_ms = std::max(sum.age_ms, worker.age_ms);
    }
  }
  std::vector<wire::WorkerStatus> merged;
  std::ranges::copy(by_name | std::views::values, std::back_inserter(merged));
  return merged;
}

}  // namespace sublet::producer
