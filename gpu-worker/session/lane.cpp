#include "gpu-worker/session/lane.hpp"

#include <algorithm>

#include <fmt/format.h>

#include "common/io/clock.hpp"

namespace sublet::session {
namespace {

/// Launches that a device is given at once.
constexpr std::size_t kLongestPass = 4096;

}  // namespace

Result<Lane> Lane::open(Session& session, StreamId stream, const Plan& plan, const Resources& resources) {
  Lane lane;
  lane.stream_ = stream;
  lane.modules_ = resources.modules;
  lane.time_limit_ = plan.time_limit();
  for (const PlannedBuffer& buffer : plan.buffers()) {
    auto handle = session.mem_alloc(buffer.capacity);
    if (!handle) {
      return fail(handle.error().code,
                  fmt::format("buffer \"{}\" of {} bytes: {}", buffer.name, buffer.capacity.count, handle.error().detail));
    }
    lane.buffers_.push_back(*handle);
  }
  lane.input_ = lane.buffers_[plan.input_buffer()];
  lane.output_ = lane.buffers_[plan.output_buffer()];
  lane.buffers_.insert(lane.buffers_.end(), resources.residents.begin(), resources.residents.end());
  return lane;
}

Result<void> Lane::begin(Session& session, Plan& plan, const ChunkBytes& bytes, bool traced, Traffic& traffic) {
  auto chunk = plan.chunk(bytes.input.size());
  if (!chunk) {
    return std::unexpected(chunk.error());
  }
  if ((*chunk)->output_bytes > bytes.output.size()) {
    return fail(ErrorCode::output_too_large,
                fmt::format("an output of {} bytes where the arena keeps {}: raise the pipeline's output_bytes", (*chunk)->output_bytes,
                            bytes.output.size()));
  }
  n_ = (*chunk)->n;
  from_ = bytes.input;
  into_ = bytes.output.first((*chunk)->output_bytes);
  traced_ = traced;
  bind(**chunk);
  const auto reached = queue(session, traffic);
  if (!reached) {
    return std::unexpected(reached.error());
  }
  reached_ = *reached;
  return {};
}

void Lane::bind(const ChunkPlan& chunk) {
  launches_.clear();
  arguments_.resize(std::max(arguments_.size(), chunk.launches.size()));
  for (const PlannedLaunch& planned : chunk.launches) {
    launches_.push_back({.module = modules_[planned.module],
                         .kernel = planned.kernel,
                         .grid = planned.grid,
                         .block = planned.block,
                         .shared_bytes = planned.shared_bytes,
                         .args = bind_handles(planned, buffers_, arguments_[launches_.size()]),
                         .arg_sizes = planned.arg_sizes});
  }
  parts_.assign(chunk.parts.begin(), chunk.parts.end());
  part_ = 0;
  first_launch_ = 0;
  times_ = 0;
}

/// Queues up to the next condition, or to the end.
Result<Lane::Reached> Lane::queue(Session& session, Traffic& traffic) {
  auto reached = queue_next(session, traffic);
  if (!reached && reached.error().code != ErrorCode::session_lost) {
    // What was queued before the refusal still uses the chunk's bytes.
    if (auto synced = session.sync(stream_); !synced) {
      return std::unexpected(synced.error());
    }
  }
  return reached;
}

Result<Lane::Reached> Lane::queue_next(Session& session, Traffic& traffic) {
  pass_.clear();
  while (part_ < parts_.size()) {
    const PlannedPart& part = parts_[part_];
    repeat_part(part);
    if (part.has_until() && times_ > 0 && (times_ == part.times || times_ % part.every == 0)) {
      add_check(part);
      const CompiledUntil& until = *part.repeat->until;
      const auto sent = send(session, buffers_[until.buffer()], std::span(value_).first(until.bytes()), traffic);
      return sent ? Result<Reached>(Reached::condition) : std::unexpected(sent.error());
    }
    if (times_ == part.times) {
      next_part();
    } else if (auto sent = send(session, output_, {}, traffic); !sent) {
      return std::unexpected(sent.error());
    }
  }
  const auto sent = send(session, output_, into_, traffic);
  return sent ? Result<Reached>(Reached::end) : std::unexpected(sent.error());
}

/// Adds the part to what is sent next: as often as it is to run before its condition, or as there is room for, but once.
void Lane::repeat_part(const PlannedPart& part) {
  const std::uint64_t goal = part.has_until() ? std::min(part.times, (times_ / part.every + 1) * part.every) : part.times;
  if (part.launches == 0) {
    times_ = goal;
    return;
  }
  const auto once = std::span(launches_).subspan(first_launch_, part.launches);
  do {
    if (times_ == goal) {
      return;
    }
    pass_.insert(pass_.end(), once.begin(), once.end());
    ++times_;
  } while (pass_.size() + once.size() <= kLongestPass);
}

void Lane::add_check(const PlannedPart& part) {
  const auto check = std::span(launches_).subspan(first_launch_ + part.launches, part.check);
  pass_.insert(pass_.end(), check.begin(), check.end());
}

void Lane::next_part() {
  first_launch_ += parts_[part_].launches + parts_[part_].check;
  times_ = 0;
  ++part_;
}

Result<void> Lane::send(Session& session, MemHandle output, std::span<std::byte> into, Traffic& traffic) {
  auto queued =
      session.pass(stream_, {.input = input_, .from = from_, .launches = pass_, .output = output, .into = into, .traced = traced_});
  if (queued) {
    traffic.to_device += from_.size();
    traffic.from_device += into.size();
    from_ = {};
    pass_.clear();
  }
  return queued;
}

Result<std::uint32_t> Lane::finish(Session& session, Traffic& traffic) {
  const auto fail_with = [](const Error& error) { return std::unexpected(error); };
  if (auto synced = session.sync(stream_); !synced) {
    return fail_with(synced.error());
  }
  if (reached_ == Reached::end) {
    return static_cast<std::uint32_t>(into_.size());
  }
  const Instant began = io::now();
  while (reached_ == Reached::condition) {
    if (auto judged = judge_condition(); !judged) {
      return fail_with(judged.error());
    }
    // The device's own limit begins anew with each wait.
    if (io::now() - began > time_limit_) {
      return fail(ErrorCode::kernel_timeout,
                  fmt::format("{}: the chunk's kernels ran longer than {} ms together; raise the pipeline's time_limit",
                              parts_[part_].repeat->label, time_limit_.count()));
    }
    const auto reached = queue(session, traffic);
    if (!reached) {
      return fail_with(reached.error());
    }
    reached_ = *reached;
    if (auto synced = session.sync(stream_); !synced) {
      return fail_with(synced.error());
    }
  }
  return static_cast<std::uint32_t>(into_.size());
}

/// Goes on to the next part where the condition holds, or where the part has run as often as it may.
Result<void> Lane::judge_condition() {
  const PlannedPart& part = parts_[part_];
  const bool holds = part.repeat->until->holds(value_, part.limit);
  if (!holds && times_ < part.times) {
    return {};
  }
  if (!holds && part.repeat->otherwise) {
    return fail(ErrorCode::not_converged, fmt::format("{}: {}", part.repeat->label, part.repeat->otherwise->at(n_)));
  }
  next_part();
  return {};
}

}  // namespace sublet::session
