#include "gpu-worker/devices/cpu/run/block_runner.hpp"

#include <algorithm>
#include <array>
#include <bit>
#include <cfenv>
#include <cstring>
#include <new>

#include "common/io/clock.hpp"

namespace sublet::cpu {

namespace {

/// Threads of a warp, as kernels see them.
constexpr std::uint32_t kWarp = 32;
/// After so much work (instructions times threads) the clock is looked at: tens of milliseconds at the very most.
constexpr std::uint64_t kWorkBetweenChecks = 1U << 18U;
constexpr std::uint32_t kStepsBetweenChecks = 64;
/// What a step costs however few threads take part in it, in threads.
constexpr std::uint32_t kStepOverhead = 16;
/// With more runs than these, one pass over all lanes and a blend is cheaper than a call for each run.
constexpr std::size_t kFewRuns = 8;
constexpr std::uint32_t kLanesPerRunWorthACall = 16;

/// 1, 2, 4, 8 bytes -> 0, 1, 2, 3.
std::size_t width_index(std::uint32_t width) { return static_cast<std::size_t>(std::countr_zero(width)); }

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

BlockRunner::BlockRunner(bool wide) {
  constexpr std::array kTypes = {Type::b8, Type::b16, Type::b32, Type::b64};
  for (std::size_t i = 0; i < kTypes.size(); ++i) {
    fills_[i] = find_lane_op({.lane = Lane::fill, .type = kTypes[i], .modifiers = {}}, wide);
    blends_[i] = find_lane_op({.lane = Lane::blend, .type = kTypes[i], .modifiers = {}}, wide);
  }
}

// Before a launch.

void BlockRunner::reserve(std::uint32_t threads) {
  // Every register then begins where the widest vector instruction likes it.
  constexpr std::uint32_t kAlign = 64;
  registers_.capacity = (threads + kAlign - 1) / kAlign * kAlign;
  const std::size_t scratch = std::size_t{registers_.capacity} * 8;
  const std::size_t wanted = std::size_t{launch_->program.register_bytes} * registers_.capacity + scratch;
  if (wanted > memory_bytes_) {
    memory_.reset(static_cast<std::byte*>(::operator new[](wanted, std::align_val_t{64})));
    memory_bytes_ = wanted;
  }
  scratch_ = memory_.get();
  registers_.base = memory_.get() + scratch;
  std::memset(memory_.get(), 0, wanted);
}

void BlockRunner::fill(Slot slot, std::uint64_t bits) {
  fills_[width_index(slot.width)](lane0(slot), reinterpret_cast<const std::byte*>(&bits), nullptr, nullptr, all_.count());
}

void BlockRunner::begin(const LaunchState& launch, LaunchProgress& progress) {
  const bool same = filled_program_ == &launch.program && filled_grid_ == launch.grid && filled_block_ == launch.block;
  launch_ = &launch;
  progress_ = &progress;
  work_ = 0;
  unchecked_work_ = 0;
  last_hits_.assign(launch.program.accesses.size(), MemoryRange{});
  if (!same) {
    filled_program_ = &launch.program;
    filled_grid_ = launch.grid;
    filled_block_ = launch.block;
    reserve(launch.threads());
    all_.assign_all(launch.threads());
    for (const Constant& constant : launch.program.constants) {
      fill(constant.slot, constant.bits);
    }
    for (const SpecialLoad& load : launch.program.launch_specials) {
      fill_launch_special(load);
    }
  }
  fill_parameters();
  for (const Step& step : launch.program.prologue) {
    run_lanes(step, all_);
  }
}

void BlockRunner::fill_parameters() {
  for (const ParameterLoad& load : launch_->program.parameter_loads) {
    std::uint64_t bits = 0;
    const std::uint32_t width = width_of(load.type);
    std::memcpy(&bits, launch_->parameters + load.offset, width);
    if (is_signed(load.type) && width < 8) {
      const std::uint64_t sign = 1ULL << (width * 8 - 1);
      bits = (bits ^ sign) - sign;
    }
    fill(load.slot, bits);
  }
}

std::uint32_t BlockRunner::special_of_lane(SpecialRegister special, std::uint32_t lane) const {
  const Extent& block = launch_->block;
  const std::uint32_t in_warp = lane % kWarp;
  switch (special) {
    case SpecialRegister::tid_x:
      return lane % block[0];
    case SpecialRegister::tid_y:
      return lane / block[0] % block[1];
    case SpecialRegister::tid_z:
      return lane / block[0] / block[1];
    case SpecialRegister::ntid_x:
      return block[0];
    case SpecialRegister::ntid_y:
      return block[1];
    case SpecialRegister::ntid_z:
      return block[2];
    case SpecialRegister::nctaid_x:
      return launch_->grid[0];
    case SpecialRegister::nctaid_y:
      return launch_->grid[1];
    case SpecialRegister::nctaid_z:
      return launch_->grid[2];
    case SpecialRegister::laneid:
      return in_warp;
    case SpecialRegister::warpid:
      return lane / kWarp;
    case SpecialRegister::nwarpid:
      return (launch_->threads() + kWarp - 1) / kWarp;
    case SpecialRegister::nsmid:
      return 1;
    case SpecialRegister::lanemask_eq:
      return 1U << in_warp;
    case SpecialRegister::lanemask_lt:
      return (1U << in_warp) - 1;
    case SpecialRegister::lanemask_le:
      return (2U << in_warp) - 1;
    case SpecialRegister::lanemask_gt:
      return ~((2U << in_warp) - 1);
    case SpecialRegister::lanemask_ge:
      return ~((1U << in_warp) - 1);
    case SpecialRegister::dynamic_smem_size:
    case SpecialRegister::total_smem_size:
      return launch_->shared_bytes;
    default:
      return 0;
  }
}

void BlockRunner::fill_launch_special(const SpecialLoad& load) {
  for (std::uint32_t lane = 0; lane < all_.count(); ++lane) {
    const std::uint64_t value = special_of_lane(load.special, lane);
    std::memcpy(registers_.of(load.slot, lane), &value, load.slot.width);
  }
}

void BlockRunner::fill_block_specials(std::uint64_t block) {
  const Extent& grid = launch_->grid;
  for (const SpecialLoad& load : launch_->program.block_specials) {
    std::uint64_t value = block % grid[0];
    if (load.special == SpecialRegister::ctaid_y) {
      value = block / grid[0] % grid[1];
    } else if (load.special == SpecialRegister::ctaid_z) {
      value = block / grid[0] / grid[1];
    }
    fill(load.slot, value);
  }
}

// A block.

bool BlockRunner::run(std::uint64_t block) {
  block_ = block;
  block_work_ = 0;
  fill_block_specials(block);
  depth_ = 0;
  push(0, kNoBlock, all_);
  return run_paths();
}

void BlockRunner::push(std::uint32_t at, std::uint32_t join, const LaneSet& lanes) {
  if (depth_ == paths_.size()) {
    paths_.emplace_back();
  }
  Path& path = paths_[depth_++];
  path.at = at;
  path.join = join;
  path.lanes = lanes;
}

bool BlockRunner::run_paths() {
  while (depth_ != 0) {
    if (top().lanes.empty() || (top().at == top().join && top().join != kNoBlock)) {
      // These threads wait in the path below, at the block where all of them meet.
      --depth_;
      continue;
    }
    const StepBlock& block = launch_->program.blocks[top().at];
    if (!run_steps(block, top().lanes)) {
      return false;
    }
    if (block.end == EndKind::trap && is_trapped(block)) {
      return false;
    }
    finish_block(block);
  }
  return true;
}

bool BlockRunner::is_trapped(const StepBlock& block) {
  const LaneSet& lanes = top().lanes;
  if (block.conditional) {
    taken_.assign_where(lanes, predicate_at(block.predicate), block.negated);
  }
  const LaneSet& trapped = block.conditional ? taken_ : lanes;
  if (trapped.empty()) {
    return false;
  }
  progress_->fail({.kind = Fault::Kind::trap, .block = block_, .thread = trapped.first(), .line = block.line});
  return true;
}

bool BlockRunner::run_steps(const StepBlock& block, const LaneSet& lanes) {
  std::uint32_t at = block.first;
  do {
    // A long block is looked after on its way, not only at its end.
    const std::uint32_t last = std::min(block.last, at + kStepsBetweenChecks);
    const std::uint64_t work = std::uint64_t{lanes.count() + kStepOverhead} * (last - at + 1);
    work_ += work;
    block_work_ += work;
    unchecked_work_ += work;
    for (; at < last; ++at) {
      if (!run_step(launch_->program.steps[at], lanes)) {
        return false;
      }
    }
    if (!within_limits()) {
      return false;
    }
  } while (at < block.last);
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
  if (step.kind == StepKind::lanes) {
    run_lanes(step, *active);
    return true;
  }
  if (step.kind == StepKind::time) {
    read_time(step, *active);
    return true;
  }
  return access(step, *active);
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

bool BlockRunner::access(const Step& step, const LaneSet& lanes) {
  const Access& access = launch_->program.accesses[step.access];
  const bool store = step.kind == StepKind::store;
  MemoryRange& last_hit = last_hits_[step.access];
  for (const LaneRun& run : lanes.runs()) {
    const std::optional<AccessFault> fault = store ? store_lanes(access, registers_, run, launch_->memory, last_hit)
                                                   : load_lanes(access, registers_, run, launch_->memory, last_hit);
    if (fault) {
      progress_->fail({.kind = fault->misaligned ? Fault::Kind::misaligned : Fault::Kind::out_of_bounds,
                       .block = block_,
                       .thread = fault->lane,
                       .line = step.line,
                       .store = store,
                       .bytes = fault->bytes,
                       .address = fault->address});
      return false;
    }
  }
  return true;
}

// Between blocks of steps.

void BlockRunner::finish_block(const StepBlock& block) {
  switch (block.end) {
    case EndKind::jump:
      top().at = block.taken;
      return;
    case EndKind::branch:
      return part(block);
    case EndKind::leave:
      return leave(block);
    case EndKind::trap:  // Nobody's predicate was set.
    case EndKind::go_on:
      break;
  }
  if (block.next == kNoBlock) {
    return leave({});
  }
  top().at = block.next;
}

void BlockRunner::part(const StepBlock& block) {
  Path& path = top();
  const auto* const predicate = predicate_at(block.predicate);
  const std::uint32_t set = count_where(path.lanes, predicate);
  const std::uint32_t taken = block.negated ? path.lanes.count() - set : set;
  if (taken == 0 || taken == path.lanes.count()) {
    path.at = taken == 0 ? block.next : block.taken;
    return;
  }
  taken_.assign_where(path.lanes, predicate, block.negated);
  others_.assign_where(path.lanes, predicate, !block.negated);
  const bool wait_below = block.join != kNoBlock;
  if (wait_below && block.join != path.join) {
    // All of them wait here for each other, while each side goes its way above.
    path.at = block.join;
  } else {
    // The path below waits at the same place already, or they never meet.
    --depth_;
  }
  if (block.next != block.join || !wait_below) {
    push(block.next, block.join, others_);
  }
  if (block.taken != block.join || !wait_below) {
    push(block.taken, block.join, taken_);
  }
}

void BlockRunner::leave(const StepBlock& block) {
  LaneSet& gone = taken_;
  if (block.conditional) {
    const auto* const predicate = predicate_at(block.predicate);
    gone.assign_where(top().lanes, predicate, block.negated);
  } else {
    gone = top().lanes;
  }
  top().at = block.next;
  if (depth_ == 1 && gone.count() == top().lanes.count()) {
    depth_ = 0;
    return;
  }
  for (std::size_t i = 0; i < depth_; ++i) {
    paths_[i].lanes.remove(gone);
  }
}

bool BlockRunner::within_limits() {
  if (block_work_ > launch_->limits.fuel) {
    progress_->fail({.kind = Fault::Kind::timeout, .block = block_});
    return false;
  }
  if (unchecked_work_ < kWorkBetweenChecks) {
    return true;
  }
  unchecked_work_ = 0;
  if (progress_->stopped()) {
    return false;
  }
  if (io::now() >= launch_->limits.deadline) {
    progress_->fail({.kind = Fault::Kind::timeout, .block = block_});
    return false;
  }
  return true;
}

}  // namespace sublet::cpu
