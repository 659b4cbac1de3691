#include "broker/core/job.hpp"

#include <bit>

#include <fmt/format.h>

#include "broker/core/aggregate.hpp"

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
  return {};
}

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
  if (auto sizes = check_sizes(spec, max_chunk_bytes); !sizes) return sizes;
  return check_times(spec);
}

std::string difference_of(const JobSpec& present, const JobSpec& asked) {
  const std::string differences[] = {
      difference("name", present.name, asked.name),
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
  };
  for (const auto& text : differences) {
    if (!text.empty()) return text;
  }
  return "the pipeline's content";
}

}  // namespace sublet::broker
