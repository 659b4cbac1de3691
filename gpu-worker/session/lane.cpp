#include "gpu-worker/session/lane.hpp"

#include <algorithm>
#include <optional>
#include <string_view>
#include <utility>

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
  lane.functions_ = resources.functions;
  lane.time_limit_ = plan.time_limit();
  for (const PlannedBuffer& buffer : plan.buffers()) {
    auto handle = session.mem_alloc(buffer.capacity);
    if (!handle) {
      return fail(handle.error().code,
                  fmt::format("buffer \"{}\" of {} bytes: {}", buffer.name, buffer.capacity.count, handle.error().detail));
    }
    lane.buffers_.push_back(*handle);
  }
  lane.buffers_.insert(lane.buffers_.end(), resources.residents.begin(), resources.residents.end());
  return lane;
}

Result<void> Lane::begin(Session& session, Plan& plan, const ChunkBytes& bytes, bool traced, Traffic& traffic) {
  auto chunk = plan.chunk(bytes.input);
  if (!chunk) {
    return std::unexpected(chunk.error());
  }
  n_ = (*chunk)->n;
  variables_ = (*chunk)->variables;
  room_ = bytes.output;
  traced_ = traced;
  if (auto taken = take_segment(**chunk); !taken) {
    return taken;
  }
  if (auto sent = emptied_unless(send_inputs(session, **chunk, bytes.input, traffic), session); !sent) {
    return sent;
  }
  const auto reached = queue(session, traffic);
  if (!reached) {
    return std::unexpected(reached.error());
  }
  reached_ = *reached;
  return {};
}

Result<void> Lane::take_segment(const ChunkPlan& segment) {
  if (segment.output_bytes > room_.size()) {
    return fail(ErrorCode::output_too_large,
                fmt::format("an output of {} bytes where the arena keeps {}: make the output's size in the pipeline larger",
                            segment.output_bytes, room_.size()));
  }
  into_ = room_.first(segment.output_bytes);
  segment_ = segment.segment;
  host_ = segment.host;
  bind(segment);
  return {};
}

void Lane::bind(const ChunkPlan& chunk) {
  launches_.clear();
  arguments_.resize(std::max(arguments_.size(), chunk.launches.size()));
  for (const PlannedLaunch& planned : chunk.launches) {
    BoundArguments& bound = arguments_[launches_.size()];
    bind_arguments(planned, buffers_, bound);
    launches_.push_back({.module = modules_[planned.module],
                         .kernel = planned.kernel,
                         .grid = planned.grid,
                         .block = planned.block,
                         .shared_bytes = planned.shared_bytes,
                         .args = bound.bytes,
                         .arg_sizes = planned.arg_sizes,
                         .buffers = bound.buffers});
  }
  outputs_.assign(chunk.outputs.begin(), chunk.outputs.end());
  parts_.assign(chunk.parts.begin(), chunk.parts.end());
  part_ = 0;
  first_launch_ = 0;
  times_ = 0;
}

/// The first input goes with the chunk's first launches.
Result<void> Lane::send_inputs(Session& session, const ChunkPlan& chunk, ByteView payload, Traffic& traffic) {
  const auto data_of = [&](const PlannedInput& input) { return payload.subspan(input.offset, input.bytes); };
  input_ = buffers_[chunk.inputs.front().buffer];
  from_ = data_of(chunk.inputs.front());
  for (const PlannedInput& input : chunk.inputs.subspan(1)) {
    if (input.bytes == 0) {
      continue;
    }
    if (auto written = session.mem_write(stream_, buffers_[input.buffer], 0, data_of(input)); !written) {
      return written;
    }
    traffic.to_device += input.bytes;
  }
  return {};
}

/// Queues up to the next condition, or to the end.
Result<Lane::Reached> Lane::queue(Session& session, Traffic& traffic) { return emptied_unless(queue_next(session, traffic), session); }

/// What was queued before a refusal still uses the chunk's bytes.
template <class T>
Result<T> Lane::emptied_unless(Result<T> queued, Session& session) {
  if (!queued && queued.error().code != ErrorCode::session_lost) {
    if (auto synced = session.sync(stream_); !synced) {
      return std::unexpected(synced.error());
    }
  }
  return queued;
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
    } else if (auto sent = send(session, input_, {}, traffic); !sent) {
      return std::unexpected(sent.error());
    }
  }
  return host_ ? queue_host_input(session, traffic) : queue_end(session, traffic);
}

/// What is left to launch before a function of the host, and what that gets.
Result<Lane::Reached> Lane::queue_host_input(Session& session, Traffic& traffic) {
  host_input_.resize(host_->bytes);
  const auto sent = send(session, buffers_[host_->stage->from], host_input_, traffic);
  return sent ? Result<Reached>(Reached::host) : std::unexpected(sent.error());
}

/// What is left to launch, and the outputs; of those whose length a kernel says, the lengths first.
Result<Lane::Reached> Lane::queue_end(Session& session, Traffic& traffic) {
  const bool plain = outputs_.size() == 1 && outputs_.front().length == nullptr;
  if (plain) {
    const auto sent = send(session, buffers_[outputs_.front().buffer], into_, traffic);
    return sent ? Result<Reached>(Reached::end) : std::unexpected(sent.error());
  }
  if (auto sent = send(session, input_, {}, traffic); !sent) {
    return std::unexpected(sent.error());
  }
  counts_.assign(outputs_.size(), 0);
  bool are_known = true;
  for (std::size_t i = 0; i < outputs_.size(); ++i) {
    if (const auto* const length = outputs_[i].length) {
      are_known = false;
      const auto into = std::as_writable_bytes(std::span(counts_).subspan(i, 1)).first(length->size);
      if (auto read = session.mem_read(stream_, buffers_[length->buffer], 0, into); !read) {
        return std::unexpected(read.error());
      }
      traffic.from_device += length->size;
    }
  }
  if (!are_known) {
    return Reached::lengths;
  }
  const auto read = queue_outputs(session, traffic);
  return read ? Result<Reached>(Reached::end) : std::unexpected(read.error());
}

Result<void> Lane::queue_outputs(Session& session, Traffic& traffic) {
  std::size_t at = 0;
  if (outputs_.size() > 1) {
    std::vector<std::pair<std::string_view, std::uint64_t>> lengths;
    for (const PlannedOutput& output : outputs_) {
      lengths.emplace_back(output.name, output.bytes);
    }
    const auto header = wire::lengths_header(lengths);
    std::ranges::copy(header, into_.begin());
    at = header.size();
  }
  for (const PlannedOutput& output : outputs_) {
    const auto into = into_.subspan(at, output.bytes);
    if (auto read = into.empty() ? Result<void>() : session.mem_read(stream_, buffers_[output.buffer], 0, into); !read) {
      return read;
    }
    traffic.from_device += into.size();
    at += into.size();
  }
  into_ = into_.first(at);
  return {};
}

/// How much of each output there is, now that the kernels have said it.
Result<void> Lane::settle_lengths() {
  for (std::size_t i = 0; i < outputs_.size(); ++i) {
    PlannedOutput& output = outputs_[i];
    if (output.length == nullptr) {
      continue;
    }
    std::uint64_t bytes = 0;
    if (__builtin_mul_overflow(counts_[i], output.each, &bytes) || bytes > output.bytes) {
      return fail(ErrorCode::output_too_large,
                  fmt::format("output \"{}\": the kernels say {} of {} bytes each, and there is room for {} bytes; "
                              "raise its bytes, or keep within them",
                              output.name, counts_[i], output.each, output.bytes));
    }
    output.bytes = bytes;
  }
  return {};
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

Result<std::uint32_t> Lane::finish(Session& session, Plan& plan, Traffic& traffic) {
  std::optional<Instant> began;
  for (;;) {
    if (auto synced = session.sync(stream_); !synced) {
      return std::unexpected(synced.error());
    }
    if (reached_ == Reached::end) {
      return static_cast<std::uint32_t>(into_.size());
    }
    const Instant now = io::now();
    began = began.value_or(now);
    const auto reached = go_on(session, plan, now - *began, traffic);
    if (!reached) {
      return std::unexpected(reached.error());
    }
    reached_ = *reached;
  }
}

/// Queues what follows, now that the device is where it was queued to.
/// @param took  since the chunk's first wait ended
Result<Lane::Reached> Lane::go_on(Session& session, Plan& plan, Nanos took, Traffic& traffic) {
  switch (reached_) {
    case Reached::host:
      return queue_host_result(session, plan, took, traffic);
    case Reached::lengths:
      return queue_measured(session, traffic);
    case Reached::condition:
    case Reached::end:
      break;
  }
  return queue_on(session, took, traffic);
}

Result<HostResult> Lane::call_host(Nanos took) const {
  const auto left = std::max<Nanos>(time_limit_ - took, Nanos(0));
  auto result = functions_[segment_]({.data = host_input_, .values = host_->values, .room = host_->room, .time_limit = left});
  if (!result) {
    return fail(result.error().code, fmt::format("{}: {}", host_->stage->label, result.error().detail));
  }
  return result;
}

/// What a function said of the chunk is from now on what it is.
Result<void> Lane::take_values(const HostResult& result, const Plan& plan) {
  for (const std::uint32_t variable : host_->stage->sets) {
    const auto& name = plan.variable_name(variable);
    const auto found = std::ranges::find(result.values, name, &std::pair<std::string, double>::first);
    if (found == result.values.end()) {
      return fail(ErrorCode::host_stage_failed, fmt::format("{}: it does not say what \"{}\" is", host_->stage->label, name));
    }
    if (auto right = plan.check_variable(variable, found->second); !right) {
      return fail(right.error().code, fmt::format("{}: {}", host_->stage->label, right.error().detail));
    }
    variables_[variable] = found->second;
  }
  return {};
}

Result<Lane::Reached> Lane::queue_host_result(Session& session, Plan& plan, Nanos took, Traffic& traffic) {
  auto result = call_host(took);
  if (!result) {
    return std::unexpected(result.error());
  }
  if (auto taken = take_values(*result, plan); !taken) {
    return std::unexpected(taken.error());
  }
  const CompiledHostStage& stage = *host_->stage;
  const auto segment = plan.next_segment(segment_ + 1, n_, variables_);
  if (!segment) {
    return fail(segment.error().code, fmt::format("behind {}: {}", stage.label, segment.error().detail));
  }
  host_result_ = std::move(result->data);
  host_bytes_ = host_result_.size();
  input_ = buffers_[stage.to];
  from_ = host_result_;
  if (auto taken = take_segment(**segment); !taken) {
    return std::unexpected(taken.error());
  }
  if (stage.length) {
    const auto bytes = std::as_bytes(std::span(&host_bytes_, 1));
    if (auto written = session.mem_write(stream_, buffers_[*stage.length], 0, bytes); !written) {
      return std::unexpected(written.error());
    }
    traffic.to_device += bytes.size();
  }
  return queue(session, traffic);
}

Result<Lane::Reached> Lane::queue_measured(Session& session, Traffic& traffic) {
  if (auto settled = settle_lengths(); !settled) {
    return std::unexpected(settled.error());
  }
  const auto read = emptied_unless(queue_outputs(session, traffic), session);
  return read ? Result<Reached>(Reached::end) : std::unexpected(read.error());
}

/// Looks at the part's condition, and queues what comes next.
/// @param took  since the chunk's first look
Result<Lane::Reached> Lane::queue_on(Session& session, Nanos took, Traffic& traffic) {
  const PlannedPart& part = parts_[part_];
  const bool holds = part.repeat->until->holds(value_, part.limit);
  const bool goes_on = !holds && times_ < part.times;
  if (!goes_on && !holds && part.repeat->otherwise) {
    return fail(ErrorCode::not_converged, fmt::format("{}: {}", part.repeat->label, part.repeat->otherwise->at({n_, variables_})));
  }
  // The device's own limit begins anew with each wait.
  if (goes_on && took > time_limit_) {
    return fail(ErrorCode::kernel_timeout,
                fmt::format("{}: the chunk's kernels ran longer than {} ms together; raise the pipeline's time_limit", part.repeat->label,
                            time_limit_.count()));
  }
  if (!goes_on) {
    next_part();
  }
  return queue(session, traffic);
}

}  // namespace sublet::session
