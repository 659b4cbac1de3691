#include "gpu-worker/session/executor.hpp"

#include <utility>

#include <fmt/format.h>

#include "common/io/clock.hpp"
#include "common/wire/bundle.hpp"
#include "gpu-worker/session/blame.hpp"

namespace sublet::session {
namespace {

/// After these the device answers nothing but `session_lost`.
bool breaks_session(ErrorCode code) {
  return code == ErrorCode::sync_failed || code == ErrorCode::kernel_timeout || code == ErrorCode::session_lost;
}

}  // namespace

Result<Executor> Executor::start(ring::SessionEnd& end, SharedDevice& device, const ring::Command& command) {
  auto block = end.block(command.block, command.input_bytes);
  if (!block) {
    return std::unexpected(block.error());
  }
  auto bundle = wire::decode_bundle(*block);
  if (!bundle) {
    return std::unexpected(bundle.error());
  }
  if (command.count < 1 || command.count > PipelineLimits::kLanes) {
    return fail(ErrorCode::protocol_error, fmt::format("a session of {} lanes; 1 to {} can be", command.count, PipelineLimits::kLanes));
  }
  auto plan = make_plan(*bundle, command.max_chunk_bytes);
  if (!plan) {
    return std::unexpected(plan.error());
  }
  auto session = device.device.open_session({.slice = Bytes{command.slice_bytes}, .kernel_time_limit = plan->time_limit()});
  if (!session) {
    return std::unexpected(session.error());
  }
  (*session)->pin_host(end.arena());
  Executor executor(end, device, std::move(*session), std::move(*plan));
  if (command.kind == ring::CommandKind::start_by_reference) {
    executor.references_.emplace();
  }
  if (auto loaded = executor.load(*bundle, command.count); !loaded) {
    return std::unexpected(loaded.error());
  }
  return executor;
}

Executor::Executor(ring::SessionEnd& end, SharedDevice& device, std::unique_ptr<Session> session, Plan plan)
    : end_(&end), device_(&device), session_(std::move(session)), plan_(std::move(plan)) {}

Result<void> Executor::load(const Bundle& bundle, std::uint32_t lanes) {
  const auto resources = Resources::load(*session_, bundle, device_->functions);
  if (!resources) {
    return std::unexpected(resources.error());
  }
  traffic_.to_device += resources->uploaded_bytes;
  for (std::uint32_t number = 0; number < lanes; ++number) {
    auto stream = number == 0 ? Result<StreamId>(StreamId{0}) : session_->stream_create();
    if (!stream) {
      return std::unexpected(stream.error());
    }
    auto lane = Lane::open(*session_, *stream, plan_, *resources);
    if (!lane) {
      return std::unexpected(lane.error());
    }
    lanes_.push_back(std::move(*lane));
  }
  in_flight_.resize(lanes_.size());
  return {};
}

Result<Ended> Executor::serve() {
  while (!ended_) {
    auto begun = begin_next();
    if (!begun) {
      return std::unexpected(begun.error());
    }
    if (*begun) {
      continue;
    }
    if (flying_ > 0) {
      if (auto finished = finish_oldest(); !finished) {
        return std::unexpected(finished.error());
      }
      continue;
    }
    if (closing_) {
      return Ended::closed;
    }
    if (must_stop() || !end_->wait()) {
      return Ended::over;
    }
  }
  return *ended_;
}

/// Puts one more chunk on the device; false when there is none, or no room for it now.
Result<bool> Executor::begin_next() {
  if (flying_ == lanes_.size()) {
    return false;
  }
  auto run = run_to_begin();
  if (!run || *run == nullptr) {
    return run ? Result<bool>(false) : std::unexpected(run.error());
  }
  const bool company = flying_ > 0 && ((*run)->alone() || in_flight_[oldest_].run->alone() || device_->gate.is_wanted_alone());
  if (company) {
    return false;
  }
  if (auto begun = begin_chunk(**run); !begun) {
    return std::unexpected(begun.error());
  }
  return true;
}

/// The run whose next chunk comes next, or nothing.
Result<RunInHand*> Executor::run_to_begin() {
  while (true) {
    if (!runs_.empty() && (end_->stop_requested() || must_stop())) {
      runs_.back().return_rest();
      if (auto answered = answer_ended_runs(); !answered) {
        return std::unexpected(answered.error());
      }
    }
    if (!runs_.empty() && !runs_.back().all_begun()) {
      return &runs_.back();
    }
    if (closing_ || must_stop()) {
      return nullptr;
    }
    auto command = end_->next();
    if (!command || !*command) {
      return command ? Result<RunInHand*>(nullptr) : std::unexpected(command.error());
    }
    if ((*command)->kind == ring::CommandKind::close) {
      closing_ = true;
      return nullptr;
    }
    if ((*command)->kind != ring::CommandKind::run || (*command)->count == 0) {
      return fail(ErrorCode::protocol_error, "a session that has started takes runs of one chunk or more only");
    }
    auto run = RunInHand::open(*end_, **command);
    if (!run) {
      return std::unexpected(run.error());
    }
    runs_.push_back(*run);
  }
}

Result<void> Executor::begin_chunk(RunInHand& run) {
  const std::uint32_t chunk = run.next();
  const std::size_t lane = (oldest_ + flying_) % lanes_.size();
  if (flying_ == 0) {
    pass_.emplace(device_->gate.enter(run.alone()));
    waiting_since_ = io::now();
  }
  in_flight_[lane] = {.run = &run, .chunk = chunk, .answer = {}, .referred = {}};
  ++flying_;
  if (flying_ == 1) {
    show_oldest();
  }
  end_->set_running_count(static_cast<std::uint32_t>(flying_));
  const auto bytes = place(in_flight_[lane], run.take());
  auto begun = bytes ? lanes_[lane].begin(*session_, plan_, *bytes, run.alone(), traffic_) : std::unexpected(bytes.error());
  if (begun || begun.error().code == ErrorCode::session_lost) {
    // A session lost by now is another chunk's doing, which finishing that one will tell.
    return {};
  }
  References::give_up(in_flight_[lane].referred);
  landed();
  return refuse_chunk(run, chunk, begun.error());
}

/// Where the chunk's bytes are: in its run's block, or where the reference there says.
Result<ChunkBytes> Executor::place(InFlight& chunk, const ChunkBytes& bytes) {
  if (!references_) {
    return bytes;
  }
  if (bytes.output.size() < Reference::kBytes) {
    return fail(ErrorCode::protocol_error, "no room for the reference to an output");
  }
  chunk.answer = bytes.output;
  return references_->resolve(bytes.input, *session_, chunk.referred);
}

/// Outcomes are given in order, so the chunks before this one are waited for.
Result<void> Executor::refuse_chunk(RunInHand& run, std::uint32_t chunk, const Error& error) {
  if (auto finished = finish_all(); !finished || ended_) {
    return finished;
  }
  const auto took = std::chrono::duration_cast<Micros>(io::now() - waiting_since_);
  if (breaks_session(error.code)) {
    return break_down(run, chunk, error, took);
  }
  end_->set_running_count(0);
  run.fail(chunk, error, took);
  return answer_ended_runs();
}

Result<void> Executor::finish_all() {
  while (flying_ > 0 && !ended_) {
    if (auto finished = finish_oldest(); !finished) {
      return finished;
    }
  }
  return {};
}

Result<void> Executor::finish_oldest() {
  InFlight& oldest = in_flight_[oldest_];
  auto output_bytes = lanes_[oldest_].finish(*session_, plan_, traffic_);
  const Instant now = io::now();
  const auto took = std::chrono::duration_cast<Micros>(now - std::exchange(waiting_since_, now));
  if (!output_bytes) {
    if (breaks_session(output_bytes.error().code)) {
      return break_down(*oldest.run, oldest.chunk, output_bytes.error(), took);
    }
    References::give_up(oldest.referred);
    oldest.run->fail(oldest.chunk, output_bytes.error(), took);
  } else {
    const auto travels = oldest.referred.segment ? References::answer(oldest.referred, *output_bytes, oldest.answer) : *output_bytes;
    oldest.referred = {};
    oldest.run->succeed(oldest.chunk, travels, took);
  }
  RunInHand& run = *oldest.run;
  oldest_ = (oldest_ + 1) % lanes_.size();
  landed();
  end_->set_running_count(static_cast<std::uint32_t>(flying_));
  if (flying_ > 0) {
    show_oldest();
  }
  return run.all_ended() ? answer_ended_runs() : Result<void>{};
}

void Executor::landed() {
  if (--flying_ == 0) {
    pass_.reset();
  }
}

/// Says so to the other leases, unless one of them has said so.
Ended Executor::find_broken(bool certain) {
  Breakage found = Breakage::none;
  device_->breakage.compare_exchange_strong(found, certain ? Breakage::by_one_chunk : Breakage::by_someone);
  if (found == Breakage::none) {
    return certain ? Ended::device_broken : Ended::device_broken_by_someone;
  }
  return found == Breakage::by_one_chunk ? Ended::device_broken_by_other : Ended::device_broken_by_someone;
}

/// Everything but the guilty chunk, in all leases, goes back and runs elsewhere.
Result<void> Executor::break_down(RunInHand& run, std::uint32_t chunk, const Error& error, Micros took) {
  const bool alone = flying_ <= 1 && device_->gate.inside() <= 1;
  ended_ = find_broken(is_guilty_for_certain(device_->device.info(), alone, error.code));
  if (*ended_ == Ended::device_broken_by_someone) {
    return {};
  }
  if (*ended_ == Ended::device_broken) {
    run.fail(chunk, error, took);
  }
  end_->set_running_count(0);
  for (InFlight& other : in_flight_) {
    References::give_up(other.referred);
  }
  for (RunInHand& unfinished : runs_) {
    unfinished.return_unfinished();
  }
  return answer_ended_runs();
}

Result<void> Executor::answer_ended_runs() {
  while (!runs_.empty() && runs_.front().all_ended()) {
    if (auto answered = answer(runs_.front()); !answered) {
      return answered;
    }
    runs_.pop_front();
  }
  return {};
}

Result<void> Executor::answer(RunInHand& run) {
  ring::Reply reply = run.reply();
  reply.to_device = traffic_.to_device;
  reply.from_device = traffic_.from_device;
  reply.peak_bytes = session_->bytes_at_peak().count;
  reply.last = ended_ == Ended::device_broken ? 1 : 0;
  // What a driver takes when a kernel first runs is there by now.
  if (!ended_ && !std::exchange(has_answered_, true)) {
    reply.overhead_bytes = device_->device.overhead().count;
  }
  return end_->reply(reply);
}

/// Whether the lease's deadline has passed, as of when a chunk last ended or began: a look at the clock for each chunk would cost more than
/// it tells.
bool Executor::must_stop() const { return end_->is_past_deadline(waiting_since_); }

void Executor::show_oldest() { end_->begin_running(in_flight_[oldest_].run->number(), in_flight_[oldest_].chunk, waiting_since_); }

}  // namespace sublet::session
