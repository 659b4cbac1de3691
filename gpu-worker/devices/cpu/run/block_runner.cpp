#include "gpu-worker/devices/cpu/run/block_runner.hpp"

#include <algorithm>
#include <array>
#include <bit>
#include <cstring>
#include <new>

#include "gpu-worker/devices/cpu/run/special_values.hpp"

namespace sublet::cpu {

namespace {

/// Every register and every 16 bytes of local memory then begin where the widest vector instruction likes it.
constexpr std::uint32_t kLaneAlign = 64;

/// 1, 2, 4, 8 bytes -> 0, 1, 2, 3.
std::size_t width_index(std::uint32_t width) { return static_cast<std::size_t>(std::countr_zero(width)); }

}  // namespace

std::byte* BlockRunner::Memory::reserve(std::size_t bytes) {
  if (bytes > bytes_) {
    memory_.reset(static_cast<std::byte*>(::operator new[](bytes, std::align_val_t{64})));
    bytes_ = bytes;
  }
  return memory_.get();
}

BlockRunner::BlockRunner(bool wide) {
  memory_.short_addresses = find_address_functions(4, wide);
  memory_.addresses = find_address_functions(8, wide);
  constexpr std::array kTypes = {Type::b8, Type::b16, Type::b32, Type::b64};
  for (std::size_t i = 0; i < kTypes.size(); ++i) {
    fills_[i] = find_lane_op({.lane = Lane::fill, .type = kTypes[i], .modifiers = {}}, wide);
    blends_[i] = find_lane_op({.lane = Lane::blend, .type = kTypes[i], .modifiers = {}}, wide);
  }
}

std::uint32_t BlockRunner::capacity_for(std::uint32_t threads) { return (threads + kLaneAlign - 1) / kLaneAlign * kLaneAlign; }

void BlockRunner::reserve(std::uint32_t threads) {
  const Program& program = launch_->program;
  registers_.capacity = capacity_for(threads);
  const std::size_t scratch = std::size_t{registers_.capacity} * 8;
  const std::size_t wanted = std::size_t{program.register_bytes} * registers_.capacity + scratch;
  scratch_ = register_memory_.reserve(wanted);
  registers_.base = scratch_ + scratch;
  std::fill_n(scratch_, wanted, std::byte{});
  memory_.capacity = registers_.capacity;
  memory_.local_bytes = program.local_bytes;
  const std::size_t local = std::size_t{program.local_bytes + 15U} / 16 * 16 * registers_.capacity;
  memory_.local = local_memory_.reserve(local);
  std::fill_n(memory_.local, local, std::byte{});
  local_used_ = 0;
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
  last_atomic_hits_.assign(launch.program.atomics.size(), MemoryRange{});
  last_text_hit_ = {};
  given_up_.assign(launch.native != nullptr ? launch.native->runs().size() : 0, 0);
  memory_.global = &launch.memory;
  memory_.parameters = launch.parameters;
  memory_.parameter_bytes = launch.program.parameter_bytes;
  memory_.shared_bytes = launch.program.shared_bytes + launch.shared_bytes;
  memory_.shared = shared_memory_.reserve(memory_.shared_bytes);
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

void BlockRunner::fill_launch_special(const SpecialLoad& load) {
  for (std::uint32_t lane = 0; lane < all_.count(); ++lane) {
    const std::uint64_t value = special_of_lane(*launch_, load.special, lane);
    std::memcpy(registers_.of(load.slot, lane), &value, load.slot.width);
  }
}

void BlockRunner::begin_block(std::uint64_t block) {
  block_ = block;
  block_work_ = 0;
  spins_ = 0;
  for (const SpecialLoad& load : launch_->program.block_specials) {
    fill(load.slot, special_of_block(*launch_, load.special, block));
  }
  if (memory_.shared_bytes != 0) {
    std::memset(memory_.shared, 0, memory_.shared_bytes);
  }
  if (local_used_ != 0) {
    std::memset(memory_.local, 0, std::size_t{local_used_ + 15U} / 16 * 16 * memory_.capacity);
  }
  local_used_ = launch_->program.frame_bytes;
  if (launch_->program.frame) {
    fill(*launch_->program.frame, 0);
  }
  if (at_barriers_ != 0 || at_exchanges_ != 0 || !launch_->program.barriers.empty()) {
    for (BarrierState& state : barriers_) {
      state.arrived = state.wanted = state.set = state.asked = 0;
      state.waiting.clear();
    }
    at_barriers_ = 0;
    at_exchanges_ = 0;
  }
  live_ = all_;
  paths_.start(all_);
}

bool BlockRunner::run(std::uint64_t block) {
  begin_block(block);
  return run_paths();
}

}  // namespace sublet::cpu
