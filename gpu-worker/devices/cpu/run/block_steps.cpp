#include <algorithm>
#include <array>
#include <bit>
#include <cfenv>
#include <cstring>

#include <fmt/format.h>

#include "common/io/clock.hpp"
#include "gpu-worker/devices/cpu/run/atomic_access.hpp"
#include "gpu-worker/devices/cpu/run/block_runner.hpp"
#include "gpu-worker/devices/cpu/run/device_print.hpp"

namespace sublet::cpu {

namespace {

/// After so much work (instructions times threads) the clock is looked at: tens of milliseconds at the very most.
constexpr std::uint64_t kWorkBetweenChecks = 1U << 18U;
constexpr std::uint32_t kStepsBetweenChecks = 64;
/// What a step costs however few threads take part in it, in threads.
constexpr std::uint32_t kStepOverhead = 16;
/// Native code that gave up so often in a row in one launch is not asked again.
constexpr std::uint8_t kMostGivenUp = 8;
/// With more runs than these, one pass over all lanes and a blend is cheaper than a call for each run.
constexpr std::size_t kFewRuns = 8;
constexpr std::uint32_t kLanesPerRunWorthACall = 16;

/// 1, 2, 4, 8 bytes -> 0, 1, 2, 3.
std::size_t width_index(std::uint32_t width) { return static_cast<std::size_t>(std::countr_zero(width)); }

/// Instructions times threads, where each block of steps counts as one more.
std::uint64_t work_of(std::uint32_t steps, std::uint32_t blocks, std::uint32_t lanes) {
  return std::uint64_t{lanes + kStepOverhead} * (std::uint64_t{steps} + blocks);
}

class RoundingScope {
 public:
  explicit RoundingScope(Rounding rounding) : directed_(rounding != Rounding::none) {
    if (directed_) {
      std::fesetround(rounding == Rounding::rz ? FE_TOWARDZERO : (rounding == Rounding::rm ? FE_DOWNWARD : FE_UPWARD));
    }
  }
  ~RoundingScope() {
    if (directed_) {
      std::fesetround(FE_TONEAREST);
    }
  }
  RoundingScope(const RoundingScope&) = delete;
  RoundingScope& operator=(const RoundingScope&) = delete;

 private:
  bool directed_;
};

}  // namespace

/// The steps of the block where `path` is; where native code went through several, `path` is at the last of them.
bool BlockRunner::run_steps(Path& path) {
  const Program& program = launch_->program;
  const NativeProgram* const native = path.lanes.count() == all_.count() && path.join == kNoBlock ? launch_->native : nullptr;
  const StepBlock* block = &program.blocks[path.at];
  std::uint32_t at = block->first;
  do {
    const NativeRun* const run = native != nullptr && at < block->last ? native->at(at) : nullptr;
    if (run != nullptr && run_native(*run, all_.count())) {
      path.at = run->end_block;
      block = &program.blocks[path.at];
      at = run->end_step;
    } else {
      // A long block is looked after on its way, not only at its end.
      const std::uint32_t next_run = native != nullptr && at < block->last ? native->next_after(at) : block->last;
      const std::uint32_t last = std::min({block->last, at + kStepsBetweenChecks, next_run});
      count_work(work_of(last - at, 1, path.lanes.count()));
      for (; at < last; ++at) {
        if (!run_step(program.steps[at], path.lanes)) {
          return false;
        }
      }
    }
    if (!within_limits()) {
      return false;
    }
  } while (at < block->last);
  return true;
}

void BlockRunner::count_work(std::uint64_t work) {
  work_ += work;
  block_work_ += work;
  unchecked_work_ += work;
}

/// False when nothing was done, and the steps are the interpreter's.
bool BlockRunner::run_native(const NativeRun& run, std::uint32_t lanes) {
  const std::uint64_t work = work_of(run.steps, run.blocks + 1, lanes);
  std::uint8_t& given_up = given_up_[launch_->native->index_of(run)];
  if (given_up == kMostGivenUp || block_work_ + work > launch_->limits.fuel) {
    return false;
  }
  const NativeCall call{
      .registers = registers_, .memory = &memory_, .accesses = launch_->program.accesses.data(), .last_hits = last_hits_.data()};
  if (run.code(&call) == 0) {
    ++given_up;
    return false;
  }
  given_up = 0;
  ++native_runs_;
  count_work(work);
  return true;
}

bool BlockRunner::run_step(const Step& step, const LaneSet& lanes) {
  const LaneSet* active = &lanes;
  if (step.guarded) {
    const auto* const predicate = predicate_at(step.guard);
    const std::uint32_t set = count_where(lanes, predicate);
    const std::uint32_t passing = step.guard_negated ? lanes.count() - set : set;
    if (passing == 0) {
      return true;
    }
    if (passing != lanes.count()) {
      guarded_.assign_where(lanes, predicate, step.guard_negated);
      active = &guarded_;
    }
  }
  switch (step.kind) {
    case StepKind::lanes:
      run_lanes(step, *active);
      return true;
    case StepKind::load:
    case StepKind::store:
    case StepKind::atomic:
      return access(step, *active);
    case StepKind::time:
      read_time(step, *active);
      return true;
    case StepKind::fence:
      __atomic_thread_fence(__ATOMIC_SEQ_CST);
      return true;
    case StepKind::active_mask:
      read_active_mask(step, *active);
      return true;
    case StepKind::print:
      print(step, *active);
      return true;
    case StepKind::assertion:
      return assertion_failed(step, *active);
  }
  return true;
}

void BlockRunner::run_lanes(const Step& step, const LaneSet& lanes) {
  const RoundingScope rounding(step.rounding);
  apply(step, lanes);
}

void BlockRunner::apply(const Step& step, const LaneSet& lanes) {
  const auto runs = lanes.runs();
  const std::uint32_t span = lanes.last() - lanes.first();
  if (runs.size() <= kFewRuns || runs.size() * kLanesPerRunWorthACall <= span) {
    for (const LaneRun& run : runs) {
      step.op(registers_.of(step.to, run.first), registers_.of(step.a, run.first), registers_.of(step.b, run.first),
              registers_.of(step.c, run.first), run.count());
    }
    return;
  }
  const std::uint32_t first = lanes.first();
  step.op(scratch_, registers_.of(step.a, first), registers_.of(step.b, first), registers_.of(step.c, first), span);
  blends_[width_index(step.to.width)](registers_.of(step.to, first), scratch_, reinterpret_cast<const std::byte*>(lanes.mask() + first),
                                      nullptr, span);
}

void BlockRunner::read_time(const Step& step, const LaneSet& lanes) {
  const auto nanos = static_cast<std::uint64_t>(io::now().time_since_epoch().count());
  const bool upper = step.time == SpecialRegister::clock_hi || step.time == SpecialRegister::globaltimer_hi;
  const std::uint64_t value = upper ? nanos >> 32U : nanos;
  for (const LaneRun& run : lanes.runs()) {
    for (std::uint32_t lane = run.first; lane < run.last; ++lane) {
      std::memcpy(registers_.of(step.to, lane), &value, step.to.width);
    }
  }
}

void BlockRunner::read_active_mask(const Step& step, const LaneSet& lanes) {
  to_warp_masks(lanes, warp_masks_);
  for (const LaneRun& run : lanes.runs()) {
    for (std::uint32_t lane = run.first; lane < run.last; ++lane) {
      std::memcpy(registers_.of(step.to, lane), &warp_masks_[lane / kWarpLanes], step.to.width);
    }
  }
}

bool BlockRunner::access(const Step& step, const LaneSet& lanes) {
  const Program& program = launch_->program;
  for (const LaneRun& run : lanes.runs()) {
    std::optional<AccessFault> fault;
    if (step.kind == StepKind::atomic) {
      fault = run_atomic(program.atomics[step.access], registers_, run, memory_, last_atomic_hits_[step.access]);
    } else if (step.kind == StepKind::store) {
      fault = store_lanes(program.accesses[step.access], registers_, run, memory_, last_hits_[step.access]);
    } else {
      fault = load_lanes(program.accesses[step.access], registers_, run, memory_, last_hits_[step.access]);
    }
    if (fault) {
      return fail({.kind = fault->misaligned ? Fault::Kind::misaligned : Fault::Kind::out_of_bounds,
                   .thread = fault->lane,
                   .line = step.line,
                   .store = step.kind != StepKind::load,
                   .bytes = fault->bytes,
                   .address = fault->address});
    }
  }
  return true;
}

/// The characters at a generic address, up to the zero behind them.
std::string BlockRunner::text_at(std::uint64_t address, std::uint32_t lane) {
  constexpr std::size_t kMostCharacters = 1024;
  std::string text;
  while (text.size() < kMostCharacters) {
    const Place place = find_place(memory_, Space::generic, address + text.size(), 1, lane, false, last_text_hit_);
    if (place.host == nullptr || *place.host == std::byte{0}) {
      break;
    }
    text += static_cast<char>(*place.host);
  }
  return text;
}

void BlockRunner::print(const Step& step, const LaneSet& lanes) {
  for (const LaneRun& run : lanes.runs()) {
    for (std::uint32_t lane = run.first; lane < run.last; ++lane) {
      std::uint64_t format = 0;
      std::uint64_t arguments = 0;
      std::memcpy(&format, registers_.of(step.a, lane), 8);
      std::memcpy(&arguments, registers_.of(step.b, lane), 8);
      PrintArguments reader([&](std::uint64_t offset, std::uint32_t bytes) {
        std::uint64_t value = 0;
        const Place place = find_place(memory_, Space::generic, arguments + offset, bytes, lane, false, last_text_hit_);
        if (place.host != nullptr) {
          std::memcpy(&value, place.host, bytes);
        }
        return value;
      });
      const PrintedText made = print_text(text_at(format, lane), reader, [&](std::uint64_t address) { return text_at(address, lane); });
      std::memcpy(registers_.of(step.to, lane), &made.arguments, 4);
      if (launch_->prints != nullptr) {
        launch_->prints->print(block_, lane, made.text);
      }
    }
  }
}

bool BlockRunner::assertion_failed(const Step& step, const LaneSet& lanes) {
  const std::uint32_t lane = lanes.first();
  const auto text = [&](Slot slot) {
    std::uint64_t address = 0;
    std::memcpy(&address, registers_.of(slot, lane), 8);
    return text_at(address, lane);
  };
  const std::uint32_t line = word_of(step.line_slot, lane);
  return fail({.kind = Fault::Kind::assertion,
               .thread = lane,
               .line = step.line,
               .text = fmt::format("{}:{}: {}: Assertion `{}` failed", text(step.b), line, text(step.c), text(step.a))});
}

bool BlockRunner::fail(Fault fault) {
  fault.block = block_;
  progress_->fail(fault);
  return false;
}

bool BlockRunner::within_limits() {
  if (block_work_ > launch_->limits.fuel) {
    return fail({.kind = Fault::Kind::timeout});
  }
  if (unchecked_work_ < kWorkBetweenChecks) {
    return true;
  }
  unchecked_work_ = 0;
  if (progress_->stopped()) {
    return false;
  }
  if (io::now() >= launch_->limits.deadline) {
    return fail({.kind = Fault::Kind::timeout});
  }
  return true;
}

}  // namespace sublet::cpu
