#include <algorithm>
#include <ranges>

#include <fmt/format.h>

#include "broker/core/core.hpp"

namespace sublet::broker {
namespace {

constexpr std::uint32_t kMaxListed = 1000;
/// EVENTs faster than that help nobody.
constexpr Millis kMinInterval = 10ms;

}  // namespace

Core::Handled Core::on(Request request, wire::Close& message) {
  const auto job = find_job(message.job);
  if (!job) return std::unexpected(job.error());
  auto& closing = **job;
  touch(closing);
  if (closing.progress.state == JobState::open) {
    closing.progress.state = JobState::closed;
    closing.moved = true;
    mark(closing);
    end_if_finished(closing);
  }
  reply(request, wire::Event{.job = status_of(closing, now_)});
  return {};
}

Core::Handled Core::on(Request request, wire::Cancel& message) {
  const auto job = find_job(message.job);
  if (!job) return std::unexpected(job.error());
  auto& cancelled = **job;
  if (!cancelled.has_ended()) {
    end_job(cancelled, JobState::cancelled, {.code = ErrorCode::cancelled, .detail = "cancelled on request"});
  }
  reply(request, wire::Event{.job = status_of(cancelled, now_)});
  return {};
}

Core::Handled Core::on(Request request, wire::Watch& message) {
  const auto job = find_job(message.job);
  if (!job) return std::unexpected(job.error());
  auto& watched = **job;
  touch(watched);
  if (message.follow && !watched.has_ended() && watched.queue->event_bytes + kWatcherBytes > options_.event_budget_bytes.count) {
    return std::unexpected(
        Error{.code = ErrorCode::resource_exhausted,
              .detail = fmt::format("queue \"{}\" keeps {} bytes of error texts and watchers; take outputs, or look without following",
                                    watched.queue->name, watched.queue->event_bytes),
              .retry_after_ms = static_cast<std::uint32_t>(options_.retry_after.count())});
  }
  reply(request, wire::Event{.job = status_of(watched, now_)});
  // One look leaves a watch of the same peer in place: its answers travel under another request id.
  if (!message.follow || watched.has_ended()) return {};
  watched.watchers.add({.peer = request.peer,
                        .request = request.request,
                        .interval = std::max<Millis>(Millis(message.interval_ms), kMinInterval),
                        .last = now_});
  count_events(watched);
  peers_.at(request.peer).jobs.insert(watched.id);
  return {};
}

void Core::tell_watchers(Job& job) {
  const auto status = [&] { return wire::Event{.job = status_of(job, now_)}; };
  job.watchers.notify(now_, job.has_ended(), [&](const Watchers::Watcher& watcher) { send(watcher.peer, watcher.request, status()); });
  if (job.has_ended()) {
    job.watchers.clear();
    count_events(job);
    return;
  }
  const auto next = job.watchers.next();
  if (!next || job.watchers.armed) return;
  job.watchers.armed = true;
  timers_.set({.due = *next, .kind = TimerKind::watch, .id = job.id.value});
}

Core::Handled Core::on(Request request, wire::Pause& message) {
  if (!is_queue_name(message.queue)) {
    return fail(ErrorCode::bad_name, fmt::format("queue name \"{}\"; use 1 to 64 of A-Z a-z 0-9 . _ -", message.queue));
  }
  const auto found = queues_.find(message.queue);
  if (found == queues_.end()) {
    return fail(ErrorCode::not_found, fmt::format("no queue \"{}\"; a queue is made by the first job in it", message.queue));
  }
  auto& queue = found->second;
  if (queue.paused != message.paused) {
    queue.paused = message.paused;
    write({.kind = RecordKind::queue, .owner = queue_hash(queue.name)}, QueueRecord{.name = queue.name, .paused = queue.paused});
    count_output_bytes(queue, 0);
  }
  reply(request, wire::Listed{.queues = {status_of_queue(queue, now_)}});
  return {};
}

wire::QueueStatus Core::status_of_queue(const Queue& queue, Instant now) const {
  wire::QueueStatus status{.name = queue.name,
                           .paused = queue.paused,
                           .jobs = queue.live_jobs,
                           .held = queue.held,
                           .ready = queue.counts[static_cast<std::size_t>(ChunkState::ready)] - queue.held,
                           .waiting = queue.counts[static_cast<std::size_t>(ChunkState::waiting)],
                           .leased = queue.counts[static_cast<std::size_t>(ChunkState::leased)],
                           .bytes = queue.stored_bytes,
                           .output_bytes = queue.output_bytes,
                           .dead_bytes = queue.dead_bytes,
                           .done = queue.done,
                           .dead = queue.dead,
                           .retries = queue.retries};
  const auto count_age = [&](const std::set<std::pair<std::uint64_t, Job*>>& jobs) {
    for (const auto& [turn, job] : jobs) {
      if (job->ready_batches.empty()) continue;
      const auto& oldest = job->batches.at(*job->ready_batches.begin());
      const auto age = std::chrono::duration_cast<Millis>(now - std::max(oldest.accepted_at, job->released)).count();
      status.oldest_ms = std::max(status.oldest_ms, static_cast<std::uint64_t>(age));
    }
  };
  for (const auto* bucket : queue.buckets) {
    count_age(bucket->jobs);
    count_age(fetch_turns_.line(*bucket));
  }
  return status;
}

Statistics Core::statistics(Instant now) const {
  Statistics statistics{
      .queues = {}, .counts = counts_, .leases = leases_.size(), .ended_bytes = ended_bytes_, .resident_bytes = resident_bytes_};
  std::map<const Queue*, std::size_t> places;
  for (const auto& [name, queue] : queues_) {
    places.emplace(&queue, statistics.queues.size());
    statistics.queues.push_back({.status = status_of_queue(queue, now), .event_bytes = queue.event_bytes, .counts = queue.seen});
  }
  for (const auto& [id, job] : jobs_) {
    ++statistics.queues[places.at(job->queue)].jobs[static_cast<std::size_t>(job->progress.state)];
  }
  return statistics;
}

Core::Handled Core::on(Request request, wire::List& message) {
  wire::Listed listed;
  if (message.what == wire::Listing::jobs) {
    for (const auto* job :
         jobs_by_number_ | std::views::values | std::views::reverse | std::views::take(std::min(message.limit, kMaxListed))) {
      listed.jobs.push_back(status_of(*job, now_));
    }
  } else if (message.what == wire::Listing::queues) {
    for (const auto& queue : queues_ | std::views::values | std::views::take(kMaxListed))
      listed.queues.push_back(status_of_queue(queue, now_));
  } else {
    for (const auto& worker : workers_ | std::views::values | std::views::take(kMaxListed)) {
      const auto sum = cards_.sum(worker->instance);
      listed.workers.push_back(
          {.name = worker->name,
           .cards = sum.cards,
           .total_bytes = sum.total_bytes,
           .free_bytes = sum.free_bytes,
           .leases = worker->leases.size(),
           .process_leases = static_cast<std::uint64_t>(std::ranges::count(worker->leases, Isolation::process, &Lease::got)),
           .mps_leases = static_cast<std::uint64_t>(std::ranges::count(worker->leases, Isolation::mps, &Lease::got)),
           .mps = worker->mps,
           .leased_chunks = worker->leased_chunks,
           .done = worker->done,
           .age_ms = static_cast<std::uint64_t>(std::chrono::duration_cast<Millis>(now_ - worker->connected).count())});
    }
    std::ranges::sort(listed.workers, {}, &wire::WorkerStatus::name);
  }
  reply(request, std::move(listed));
  return {};
}

Core::Handled Core::on(Request request, wire::Get& message) {
  const auto pool = pools_.find(message.hash);
  if (pool == pools_.end()) {
    return fail(ErrorCode::not_found, fmt::format("no bundle {}…; no job uses it any more", to_hex(message.hash.words[0])));
  }
  reply(request, wire::BundleReply{.hash = message.hash}, {pool->second.bundle});
  return {};
}

}  // namespace sublet::broker
