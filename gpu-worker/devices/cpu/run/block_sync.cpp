#include <algorithm>
#include <cstring>

#include "gpu-worker/devices/cpu/run/block_runner.hpp"

namespace sublet::cpu {

// Within warps.

/// Notes with whom each of `lanes` takes part. @return whether all of these are among them
bool BlockRunner::group_warps(const Exchange& exchange, const LaneSet& lanes) {
  to_warp_masks(lanes, warp_masks_);
  to_warp_masks(live_, live_masks_);
  bool whole = true;
  for (const LaneRun& run : lanes.runs()) {
    for (std::uint32_t lane = run.first; lane < run.last; ++lane) {
      const std::uint32_t warp = lane / kWarpLanes;
      const std::uint32_t named = word_of(exchange.mask, lane) | (1U << (lane % kWarpLanes));
      table_.group[lane] = named & live_masks_[warp];
      whole = whole && (table_.group[lane] & ~warp_masks_[warp]) == 0;
    }
  }
  return whole;
}

void BlockRunner::exchange(const StepBlock& block) {
  const Exchange& exchange = launch_->program.exchanges[block.detail];
  Path& path = paths_[paths_.current()];
  if (group_warps(exchange, path.lanes)) {
    gather(exchange, registers_, path.lanes, table_);
    hand_out(exchange, registers_, path.lanes, table_);
    path.at = block.next;
    return;
  }
  paths_.suspend(Path::State::exchange);
  ++at_exchanges_;
  settle_exchanges();
}

/// Lets those threads go on that everybody they wait for has come to.
void BlockRunner::settle_exchanges() {
  const Program& program = launch_->program;
  paths_.collect(Path::State::exchange, waiting_);
  const auto exchange_of = [&](PathIndex index) -> const Exchange& { return program.exchanges[program.blocks[paths_[index].at].detail]; };
  // What each thread that waits has come to, and which threads of its warp have come to the same with the same mask.
  std::vector<const Exchange*> waits(all_.count(), nullptr);
  for (const PathIndex index : waiting_) {
    const Exchange& exchange = exchange_of(index);
    group_warps(exchange, paths_[index].lanes);
    gather(exchange, registers_, paths_[index].lanes, table_);
    for (const LaneRun& run : paths_[index].lanes.runs()) {
      std::fill(waits.begin() + run.first, waits.begin() + run.last, &exchange);
    }
  }
  complete_.assign(all_.count(), 0);
  for (std::uint32_t lane = 0; lane < all_.count(); ++lane) {
    if (waits[lane] == nullptr) {
      continue;
    }
    const std::uint32_t warp = lane / kWarpLanes * kWarpLanes;
    bool there = true;
    for (std::uint32_t other = warp; other < std::min(warp + kWarpLanes, all_.count()); ++other) {
      const bool wanted = ((table_.group[lane] >> (other - warp)) & 1U) != 0;
      there =
          there && (!wanted || (waits[other] != nullptr && meet(*waits[lane], *waits[other]) && table_.group[other] == table_.group[lane]));
    }
    complete_[lane] = there ? 1 : 0;
  }
  for (const PathIndex index : waiting_) {
    Path& path = paths_[index];
    const Exchange& exchange = exchange_of(index);
    const std::uint32_t next = program.blocks[path.at].next;
    taken_.assign_where(path.lanes, complete_.data(), false);
    if (taken_.empty()) {
      continue;
    }
    hand_out(exchange, registers_, taken_, table_);
    if (taken_.count() == path.lanes.count()) {
      path.at = next;
      paths_.resume(index);
      --at_exchanges_;
      continue;
    }
    path.lanes.remove(taken_);
    paths_[paths_.split_off(index, taken_)].at = next;
  }
}

// Within the block.

void BlockRunner::barrier(const StepBlock& block) {
  const Barrier& barrier = launch_->program.barriers[block.detail];
  Path& path = paths_[paths_.current()];
  const std::uint32_t number = word_of(barrier.number, path.lanes.first());
  complete_.assign(all_.count(), 0);
  std::uint32_t same = 0;
  for (const LaneRun& run : path.lanes.runs()) {
    for (std::uint32_t lane = run.first; lane < run.last; ++lane) {
      complete_[lane] = word_of(barrier.number, lane) == number ? 1 : 0;
      same += complete_[lane];
    }
  }
  if (same != path.lanes.count()) {
    // Threads that name another barrier come to this instruction once more, without these.
    taken_.assign_where(path.lanes, complete_.data(), false);
    path.lanes.remove(taken_);
    paths_.split_off(paths_.current(), taken_);
  }
  arrive(barrier, barriers_[number % barriers_.size()], block.next);
}

/// The current path comes to a barrier.
void BlockRunner::arrive(const Barrier& barrier, BarrierState& state, std::uint32_t next) {
  const PathIndex current = paths_.current();
  Path& path = paths_[current];
  state.arrived += path.lanes.count();
  if (barrier.threads) {
    state.wanted = word_of(*barrier.threads, path.lanes.first());
  }
  if (barrier.mode == BarrierMode::arrive) {
    path.at = next;
    return settle_barrier(state);
  }
  if (barrier.mode == BarrierMode::red) {
    state.set += count_where(path.lanes, predicate_at(barrier.predicate.unit));
    state.asked += path.lanes.count();
  }
  paths_.suspend(Path::State::barrier);
  state.waiting.push_back(current);
  ++at_barriers_;
  settle_barrier(state);
}

void BlockRunner::settle_barrier(BarrierState& state) {
  const std::uint32_t wanted = state.wanted != 0 ? state.wanted : live_.count();
  if (state.arrived < wanted || state.arrived == 0) {
    return;
  }
  const Program& program = launch_->program;
  for (const PathIndex index : state.waiting) {
    Path& path = paths_[index];
    const StepBlock& block = program.blocks[path.at];
    const Barrier& barrier = program.barriers[block.detail];
    if (barrier.mode == BarrierMode::red) {
      const bool answer = barrier.operation == Operation::and_ ? state.set == state.asked : state.set != 0;
      const std::uint32_t value = barrier.operation == Operation::popc ? state.set : (answer ? 1U : 0U);
      for (const LaneRun& run : path.lanes.runs()) {
        for (std::uint32_t lane = run.first; lane < run.last; ++lane) {
          std::memcpy(registers_.of(barrier.to, lane), &value, barrier.to.width);
        }
      }
    }
    path.at = block.next;
    paths_.resume(index);
  }
  at_barriers_ -= static_cast<std::uint32_t>(state.waiting.size());
  state.waiting.clear();
  state.arrived = state.wanted = state.set = state.asked = 0;
}

void BlockRunner::threads_ended() {
  if (at_barriers_ != 0) {
    std::ranges::for_each(barriers_, [&](BarrierState& state) { settle_barrier(state); });
  }
  if (at_exchanges_ != 0) {
    settle_exchanges();
  }
}

}  // namespace sublet::cpu
