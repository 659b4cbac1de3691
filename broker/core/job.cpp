#include "broker/core/job.hpp"

#include <algorithm>
#include <bit>

#include <fmt/format.h>

#include "broker/core/aggregate.hpp"
#include "common/job_text.hpp"
#include "common/reference.hpp"

namespace sublet::broker {

std::uint64_t& Job::count(ChunkState state) {
  switch (state) {
    case ChunkState::ready:
      return ready;
    case ChunkState::waiting:
      return waiting;
    case ChunkState::leased:
      return leased;
    case ChunkState::done:
      return progress.done;
    case ChunkState::dead:
      return progress.dead;
    case ChunkState::dropped:
      break;
  }
  return progress.dropped;
}

namespace {

/// Until `due`; at least 1 while it is set, since 0 says that it is not.
std::uint64_t left(const std::optional<Instant>& due, Instant now) {
  if (!due) return 0;
  return static_cast<std::uint64_t>(std::max<Millis::rep>(std::chrono::duration_cast<Millis>(*due - now).count(), 1));
}

}  // namespace

JobStatus status_of(const Job& job, Instant now) {
  const auto& progress = job.progress;
  JobStatus status{
      .id = job.id,
      .name = job.spec.name,
      .queue = job.spec.queue,
      .state = progress.state,
      .accepted = progress.accepted,
      .ready = job.ready,
      .waiting = job.waiting,
      .leased = job.leased,
      .done = progress.done,
      .dead = progress.dead,
      .dropped = progress.dropped,
      .retries = progress.retries,
      .bytes_in = progress.bytes_in,
      .bytes_out = progress.bytes_out,
      .sessions = progress.sessions,
      .age_ms = static_cast<std::uint64_t>(std::chrono::duration_cast<Millis>(now - job.opened).count()),
      .last_output = job.log.taken() == job.log.last() ? Cursor{} : job.log.last(),
      .hold = !job.held            ? JobHold::none
              : job.awaits.empty() ? JobHold::delayed
                                   : JobHold::blocked,
      .hold_ms = left(job.starts, now),
      .after = {job.awaits.begin(), job.awaits.end()},
      .deadline_ms = left(job.deadline, now),
      .forgotten_ms = job.has_ended() ? left(job.forgotten_at, now) : 0,
      .origin = job.origin,
      .by_reference = job.spec.host != Token{},
  };
  // A job that goes on, or is done in spite of it, has no error of its own.
  if (progress.state == JobState::failed || progress.state == JobState::cancelled) {
    status.error = progress.error;
    status.error_detail = progress.error_detail;
  }
  if (job.spec.aggregate == AggregateKind::count) {
    status.integer_value = progress.done;
  } else if (!keeps_outputs(job.spec.aggregate)) {
    if (job.spec.element == ElementType::i64) {
      status.integer_value = std::bit_cast<std::uint64_t>(progress.value.integer);
    } else {
      status.float_value = real_value(job.spec, progress.value);
    }
  }
  return status;
}

Ending ending_of(const Job& job) {
  const auto& progress = job.progress;
  const bool closed = progress.state == JobState::closed;
  const bool finished = closed && job.unfinished() == 0;
  switch (job.spec.policy) {
    case PolicyKind::all:
      // The error of the first dead chunk was noted when it died.
      if (progress.dead > 0) return {.state = JobState::failed, .error = {.code = progress.error, .detail = progress.error_detail}};
      break;
    case PolicyKind::quorum:
      if (progress.done >= job.spec.quorum) return {.state = JobState::done};
      if (closed && progress.done + job.unfinished() < job.spec.quorum) {
        return {.state = JobState::failed,
                .error = {.code = progress.error == ErrorCode::ok ? ErrorCode::not_found : progress.error,
                          .detail = fmt::format("{} of {} chunks are done and {} are dead, so the quorum of {} is out of reach{}{}",
                                                progress.done, progress.accepted, progress.dead, job.spec.quorum,
                                                progress.error_detail.empty() ? "" : "; first: ", progress.error_detail)}};
      }
      break;
    case PolicyKind::best_effort:
      break;
  }
  return {.state = finished ? JobState::done : JobState::open};
}

namespace {

Result<void> check_sizes(const JobSpec& spec, std::uint64_t max_chunk_bytes) {
  if (spec.max_chunk_bytes > max_chunk_bytes) {
    return fail(ErrorCode::bad_argument,
                fmt::format("max_chunk_bytes {} is over this broker's limit of {}; cut the work into smaller chunks", spec.max_chunk_bytes,
                            max_chunk_bytes));
  }
  if (spec.host != Token{}) {
    if (spec.max_chunk_bytes < Reference::kBytes) {
      return fail(ErrorCode::bad_argument, fmt::format("max_chunk_bytes {} by reference, where each reference takes {}; send such chunks",
                                                       spec.max_chunk_bytes, Reference::kBytes));
    }
    // A count, too, would leave nobody who reads an output and makes room for the next.
    if (spec.aggregate != AggregateKind::collect) {
      return fail(ErrorCode::bad_argument, "outputs by reference do not come here; aggregate them where they are read (collect)");
    }
  }
  if (spec.priority > 9) return fail(ErrorCode::bad_argument, fmt::format("priority {} is none of 0 (first) to 9 (last)", spec.priority));
  if (spec.policy == PolicyKind::quorum && spec.quorum == 0) {
    return fail(ErrorCode::bad_argument, "a quorum of 0 chunks; ask for at least 1");
  }
  return {};
}

Result<void> check_times(const JobSpec& spec) {
  if (spec.retry.initial_backoff < 0ms || spec.retry.max_backoff < spec.retry.initial_backoff || spec.retry.max_backoff > 24h) {
    return fail(ErrorCode::bad_argument, fmt::format("a backoff from {} ms to {} ms; it must rise, and end within a day",
                                                     spec.retry.initial_backoff.count(), spec.retry.max_backoff.count()));
  }
  if (spec.open_timeout <= 0ms) {
    return fail(ErrorCode::bad_argument, fmt::format("an open_timeout of {} ms; it must be positive", spec.open_timeout.count()));
  }
  constexpr Millis kMost = 366 * Millis(24h);
  const std::pair<std::string_view, Millis> times[] = {{"delay", spec.delay}, {"deadline", spec.deadline}, {"ttl", spec.ttl}};
  for (const auto& [name, time] : times) {
    if (time < 0ms || time > kMost) {
      return fail(ErrorCode::bad_argument, fmt::format("a {} of {} ms; at most 366 days", name, time.count()));
    }
  }
  if (spec.deadline > 0ms && spec.deadline <= spec.delay) {
    return fail(ErrorCode::bad_argument, fmt::format("a deadline of {} ms and a delay of {} ms; it would end before it begins",
                                                     spec.deadline.count(), spec.delay.count()));
  }
  return {};
}

constexpr std::size_t kMaxAfter = 64;

template <class T>
std::string difference(std::string_view field, const T& present, const T& asked) {
  if (present == asked) return {};
  return fmt::format("{} ({}, asked for {})", field, present, asked);
}

}  // namespace

Result<void> check_spec(const JobSpec& spec, std::uint64_t max_chunk_bytes) {
  if (!is_queue_name(spec.queue)) {
    return fail(ErrorCode::bad_name, fmt::format("queue name \"{}\"; use 1 to 64 of A-Z a-z 0-9 . _ -", spec.queue));
  }
  if (!is_queue_name(spec.tenant)) {
    return fail(ErrorCode::bad_name, fmt::format("tenant name \"{}\"; use 1 to 64 of A-Z a-z 0-9 . _ -", spec.tenant));
  }
  if (spec.after.size() > kMaxAfter) {
    return fail(ErrorCode::bad_argument, fmt::format("{} jobs to run after; at most {}", spec.after.size(), kMaxAfter));
  }
  if (auto sizes = check_sizes(spec, max_chunk_bytes); !sizes) return sizes;
  return check_times(spec);
}

std::string difference_of(const JobSpec& present, const JobSpec& asked) {
  const std::string differences[] = {
      difference("name", present.name, asked.name),
      difference("tenant", present.tenant, asked.tenant),
      difference("pipeline", to_hex(present.pipeline.words[0]), to_hex(asked.pipeline.words[0])),
      difference("max_chunk_bytes", present.max_chunk_bytes, asked.max_chunk_bytes),
      difference("priority", +present.priority, +asked.priority),
      difference("policy", static_cast<int>(present.policy), static_cast<int>(asked.policy)),
      difference("quorum", present.quorum, asked.quorum),
      difference("aggregate", static_cast<int>(present.aggregate), static_cast<int>(asked.aggregate)),
      difference("element", static_cast<int>(present.element), static_cast<int>(asked.element)),
      difference("max_retries", present.retry.max_retries, asked.retry.max_retries),
      difference("initial_backoff_ms", present.retry.initial_backoff.count(), asked.retry.initial_backoff.count()),
      difference("max_backoff_ms", present.retry.max_backoff.count(), asked.retry.max_backoff.count()),
      difference("open_timeout_ms", present.open_timeout.count(), asked.open_timeout.count()),
      difference("isolation", static_cast<int>(present.isolation), static_cast<int>(asked.isolation)),
      difference("deadline_ms", present.deadline.count(), asked.deadline.count()),
      difference("ttl_ms", present.ttl.count(), asked.ttl.count()),
      difference("after_any", present.after_any, asked.after_any),
      difference("durability", to_text(present.durability), to_text(asked.durability)),
      present.host == asked.host ? "" : "the host of its payloads",
      present.after == asked.after ? "" : "the jobs it runs after",
  };
  for (const auto& text : differences) {
    if (!text.empty()) return text;
  }
  return "the pipeline's content";
}

}  // namespace sublet::broker
