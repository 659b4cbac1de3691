#include "broker/core/scheduler.hpp"

namespace sublet::broker {

void ReadyIndex::stand(Bucket& bucket, bool wanted) {
  const bool stands = bucket.turn != 0;
  if (stands == wanted) return;
  auto& level = bucket.size->levels[bucket.priority];
  if (wanted) {
    bucket.turn = ++turns_;
    level.emplace(bucket.turn, &bucket);
    bucket.size->add_ready(bucket.ready);
  } else {
    level.erase({bucket.turn, &bucket});
    bucket.turn = 0;
    bucket.size->add_ready(0 - bucket.ready);
  }
  bucket.size->pool->touch();
}

void ReadyIndex::place(Job& job, bool grantable) {
  auto& bucket = *job.bucket;
  if ((job.turn != 0) == grantable) return;
  if (grantable) {
    job.turn = ++turns_;
    bucket.jobs.emplace(job.turn, &job);
  } else {
    bucket.jobs.erase({job.turn, &job});
    job.turn = 0;
  }
  stand(bucket, bucket.queue->open && !bucket.jobs.empty());
}

void ReadyIndex::count(Job& job, std::int64_t delta) {
  auto& bucket = *job.bucket;
  bucket.ready += static_cast<std::uint64_t>(delta);
  if (bucket.turn != 0) bucket.size->add_ready(static_cast<std::uint64_t>(delta));
}

void ReadyIndex::open(Queue& queue, bool open) {
  queue.open = open;
  for (auto* bucket : queue.buckets) stand(*bucket, open && !bucket->jobs.empty());
}

Job* ReadyIndex::pick(Pool& pool, const SizeKey& lease) {
  const auto begin = pool.sizes.lower_bound(lease.smallest());
  const auto end = pool.sizes.upper_bound(lease);
  for (std::size_t priority = 0; priority < kPriorities; ++priority) {
    Bucket* first = nullptr;
    for (auto size = begin; size != end; ++size) {
      const auto& level = size->second.levels[priority];
      if (!level.empty() && (first == nullptr || level.begin()->first < first->turn)) first = level.begin()->second;
    }
    if (first != nullptr) return first->jobs.begin()->second;
  }
  return nullptr;
}

void ReadyIndex::served(Job& job) {
  auto& bucket = *job.bucket;
  if (job.turn != 0 && bucket.jobs.size() > 1) {
    auto node = bucket.jobs.extract({job.turn, &job});
    job.turn = ++turns_;
    node.value().first = job.turn;
    bucket.jobs.insert(std::move(node));
  }
  auto& level = bucket.size->levels[bucket.priority];
  if (bucket.turn != 0 && (level.size() > 1 || bucket.size->pool->sizes.size() > 1)) {
    auto node = level.extract({bucket.turn, &bucket});
    bucket.turn = ++turns_;
    node.value().first = bucket.turn;
    level.insert(std::move(node));
  }
}

}  // namespace sublet::broker
