#include <algorithm>
#include <cstring>

#include "gpu-worker/devices/cpu/run/address_space.hpp"
#include "gpu-worker/devices/cpu/run/block_runner.hpp"

namespace sublet::cpu {

namespace {

/// A path that came so often to an access that may wait for another thread lets the others run.
constexpr std::uint32_t kSpinsBeforeYield = 64;
constexpr std::uint32_t kMostCalls = 512;
/// Of registers that wait for calls to return, in one block.
constexpr std::size_t kMostKeptBytes = 64ULL << 20U;

}  // namespace

bool BlockRunner::run_paths() {
  while (!live_.empty()) {
    if (!paths_.has_ready()) {
      if (paths_.release_early()) {
        continue;
      }
      return report_deadlock();
    }
    Path& path = paths_[paths_.current()];
    if (path.lanes.empty() || (path.at == path.join && path.join != kNoBlock)) {
      paths_.finish(paths_.current());
      continue;
    }
    if (!run_steps(path)) {
      return false;
    }
    const StepBlock& block = launch_->program.blocks[path.at];
    if (!finish_block(block)) {
      return false;
    }
    if (block.may_spin && ++spins_ == kSpinsBeforeYield) {
      let_others_run();
    }
  }
  return true;
}

void BlockRunner::let_others_run() {
  spins_ = 0;
  if (paths_.has_ready() && paths_.count() > 1) {
    paths_.rotate();
    paths_.release_early();
  }
}

bool BlockRunner::finish_block(const StepBlock& block) {
  switch (block.end) {
    case EndKind::jump:
      paths_[paths_.current()].at = block.taken;
      return true;
    case EndKind::branch:
      part(block);
      return true;
    case EndKind::leave:
      leave(block);
      return true;
    case EndKind::give_back:
      give_back(block);
      return true;
    case EndKind::exchange:
      exchange(block);
      return true;
    case EndKind::barrier:
      barrier(block);
      return true;
    case EndKind::call:
      return call(block);
    case EndKind::trap:
      if (is_trapped(block)) {
        return false;
      }
      break;
    case EndKind::go_on:
      break;
  }
  if (block.next == kNoBlock) {
    // The end of a body without a ret.
    const StepBlock end{.end = EndKind::leave};
    paths_[paths_.current()].call == kNoPath ? leave(end) : give_back(end);
    return true;
  }
  paths_[paths_.current()].at = block.next;
  return true;
}

bool BlockRunner::is_trapped(const StepBlock& block) {
  const LaneSet& trapped = leaving(block);
  if (trapped.empty()) {
    return false;
  }
  fail({.kind = Fault::Kind::trap, .thread = trapped.first(), .line = block.line});
  return true;
}

void BlockRunner::part(const StepBlock& block) {
  const PathIndex current = paths_.current();
  Path& path = paths_[current];
  const auto* const predicate = predicate_at(block.predicate);
  const std::uint32_t set = count_where(path.lanes, predicate);
  const std::uint32_t taken = block.negated ? path.lanes.count() - set : set;
  if (taken == 0 || taken == path.lanes.count()) {
    path.at = taken == 0 ? block.next : block.taken;
    return;
  }
  taken_.assign_where(path.lanes, predicate, block.negated);
  others_.assign_where(path.lanes, predicate, !block.negated);
  const bool meet_again = block.join != kNoBlock;
  const bool others_wait = meet_again && block.next == block.join;
  const bool taken_wait = meet_again && block.taken == block.join;
  if (meet_again && block.join != path.join) {
    // All of them wait here for each other, while each side goes its way below.
    if (!others_wait) {
      paths_[paths_.fork(current, block.join, others_)].at = block.next;
    }
    if (!taken_wait) {
      paths_[paths_.fork(current, block.join, taken_)].at = block.taken;
    }
    return;
  }
  // The path above waits at the same place already, or they never meet.
  if (others_wait || taken_wait) {
    path.lanes = taken_wait ? others_ : taken_;
    path.at = taken_wait ? block.next : block.taken;
    return;
  }
  path.lanes = others_;
  path.at = block.next;
  paths_[paths_.split_off(current, taken_)].at = block.taken;
}

/// The threads of the current path that a conditional end takes; all of them at an unconditional one.
const LaneSet& BlockRunner::leaving(const StepBlock& block) {
  const LaneSet& lanes = paths_[paths_.current()].lanes;
  if (block.conditional) {
    taken_.assign_where(lanes, predicate_at(block.predicate), block.negated);
  } else {
    taken_ = lanes;
  }
  return taken_;
}

void BlockRunner::leave(const StepBlock& block) {
  const PathIndex current = paths_.current();
  paths_[current].at = block.next;
  const LaneSet& gone = leaving(block);
  if (gone.count() == live_.count()) {
    live_.clear();
    return;
  }
  paths_.remove(current, kNoPath, gone);
  live_.remove(gone);
  if (at_barriers_ != 0 || at_exchanges_ != 0) {
    threads_ended();
  }
}

// Calls.

void BlockRunner::give_back(const StepBlock& block) {
  const PathIndex current = paths_.current();
  const PathIndex waiting = paths_[current].call;
  paths_[current].at = block.next;
  const LaneSet& back = leaving(block);
  restore_registers(paths_[waiting], back);
  paths_.remove(current, waiting, back);
}

bool BlockRunner::call(const StepBlock& block) {
  const Call& site = launch_->program.calls[block.detail];
  const PathIndex current = paths_.current();
  const std::uint32_t frame = paths_[current].frame + site.frame_bytes;
  guarded_ = paths_[current].lanes;  // Those that still have to be sent somewhere.
  if (paths_[current].depth == kMostCalls || !keep_registers(current, site)) {
    return fail({.kind = Fault::Kind::stack, .thread = guarded_.first(), .line = block.line});
  }
  while (!guarded_.empty()) {
    const ProgramFunction* const callee = callee_of(site, block);
    if (callee == nullptr) {
      return false;
    }
    if (frame + callee->frame_bytes > memory_.local_bytes) {
      return fail({.kind = Fault::Kind::stack, .thread = taken_.first(), .line = block.line});
    }
    local_used_ = std::max(local_used_, frame + callee->frame_bytes);
    Path& within = paths_[paths_.fork(current, block.next, taken_)];
    within.at = callee->entry;
    within.join = kNoBlock;
    within.call = current;
    within.frame = frame;
    ++within.depth;
    guarded_.remove(taken_);
  }
  return true;
}

/// What the first of the threads that are still to be sent calls; `taken_` are those that call the same. Threads that call different
/// functions part, and meet again behind the call.
const ProgramFunction* BlockRunner::callee_of(const Call& site, const StepBlock& block) {
  const Program& program = launch_->program;
  if (!site.target) {
    taken_ = guarded_;
    return &program.functions[site.function];
  }
  const auto target = [&](std::uint32_t lane) { return *reinterpret_cast<const std::uint64_t*>(registers_.of(*site.target, lane)); };
  const std::uint64_t address = target(guarded_.first());
  complete_.assign(all_.count(), 0);
  for (const LaneRun& run : guarded_.runs()) {
    for (std::uint32_t lane = run.first; lane < run.last; ++lane) {
      complete_[lane] = target(lane) == address ? 1 : 0;
    }
  }
  taken_.assign_where(guarded_, complete_.data(), false);
  const auto found = std::ranges::find_if(
      program.functions, [&](const ProgramFunction& function) { return kFunctionWindow + function.number * kFunctionStride == address; });
  if (found == program.functions.end()) {
    fail({.kind = Fault::Kind::bad_call, .thread = guarded_.first(), .line = block.line, .address = address});
    return nullptr;
  }
  return &*found;
}

/// False when there is no room for them.
bool BlockRunner::keep_registers(PathIndex waiting, const Call& site) {
  Path& path = paths_[waiting];
  path.kept.clear();
  if (site.caller == kNoFunction || launch_->program.functions[site.caller].kept.empty()) {
    return true;
  }
  const ProgramFunction& function = launch_->program.functions[site.caller];
  path.caller = &function;
  path.kept_first = path.lanes.first();
  path.kept_lanes = path.lanes.last() - path.lanes.first();
  std::size_t bytes = 0;
  for (const Slot slot : function.kept) {
    bytes += std::size_t{slot.width} * path.kept_lanes;
  }
  std::size_t all = bytes;
  for (PathIndex above = path.call; above != kNoPath; above = paths_[above].call) {
    all += paths_[above].kept.size();
  }
  if (all > kMostKeptBytes) {
    return false;
  }
  path.kept.resize(bytes);
  std::byte* into = path.kept.data();
  for (const Slot slot : function.kept) {
    const std::size_t size = std::size_t{slot.width} * path.kept_lanes;
    std::memcpy(into, registers_.of(slot, path.kept_first), size);
    into += size;
  }
  return true;
}

void BlockRunner::restore_registers(const Path& waiting, const LaneSet& lanes) {
  if (waiting.kept.empty() || lanes.empty()) {
    return;
  }
  const std::byte* from = waiting.kept.data();
  for (const Slot slot : waiting.caller->kept) {
    for (const LaneRun& run : lanes.runs()) {
      std::memcpy(registers_.of(slot, run.first), from + std::size_t{run.first - waiting.kept_first} * slot.width,
                  std::size_t{run.count()} * slot.width);
    }
    from += std::size_t{slot.width} * waiting.kept_lanes;
  }
}

bool BlockRunner::report_deadlock() {
  for (const Path::State state : {Path::State::barrier, Path::State::exchange}) {
    paths_.collect(state, waiting_);
    if (!waiting_.empty()) {
      const Path& path = paths_[waiting_.front()];
      return fail({.kind = Fault::Kind::deadlock, .thread = path.lanes.first(), .line = launch_->program.blocks[path.at].line});
    }
  }
  return true;
}

}  // namespace sublet::cpu
