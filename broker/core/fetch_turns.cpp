#include "broker/core/fetch_turns.hpp"

#include "broker/core/job.hpp"
#include "broker/core/scheduler.hpp"

namespace sublet::broker {

void FetchTurns::place(Job& job, bool waits) {
  if ((job.fetch_turn != 0) == waits) return;
  const auto& bucket = *job.bucket;
  if (waits) {
    job.fetch_turn = ++turns_;
    order_.emplace(bucket.priority, job.fetch_turn, &job);
    buckets_[&bucket].line.emplace(job.fetch_turn, &job);
    look_at(bucket);
    return;
  }
  order_.erase({bucket.priority, job.fetch_turn, &job});
  buckets_.at(&bucket).line.erase({job.fetch_turn, &job});
  job.fetch_turn = 0;
  forget_if_unused(bucket);
}

void FetchTurns::count_coming(const Bucket& bucket, std::int64_t delta) {
  if (delta == 0) return;
  buckets_[&bucket].coming += static_cast<std::uint64_t>(delta);
  if (delta < 0) look_at(bucket);
  forget_if_unused(bucket);
}

void FetchTurns::look_at(const Bucket& bucket) {
  if (order_.empty() || line(bucket).empty()) return;
  if (looked_at_.empty() || looked_at_.back() != &bucket) looked_at_.push_back(&bucket);
}

Job* FetchTurns::first() const { return order_.empty() ? nullptr : std::get<Job*>(*order_.begin()); }

Job* FetchTurns::first_of_idle() {
  for (; !looked_at_.empty(); looked_at_.pop_back()) {
    const auto* bucket = looked_at_.back();
    const auto found = buckets_.find(bucket);
    if (found == buckets_.end() || found->second.line.empty() || found->second.coming > 0 || !bucket->jobs.empty()) continue;
    return found->second.line.begin()->second;
  }
  return nullptr;
}

const FetchTurns::Line& FetchTurns::line(const Bucket& bucket) const {
  static const Line kNobody;
  const auto found = buckets_.find(&bucket);
  return found == buckets_.end() ? kNobody : found->second.line;
}

void FetchTurns::forget_if_unused(const Bucket& bucket) {
  const auto found = buckets_.find(&bucket);
  if (found != buckets_.end() && found->second.line.empty() && found->second.coming == 0) buckets_.erase(found);
}

}  // namespace sublet::broker
