#include "gpu-worker/devices/cpu/run/launch_state.hpp"

#include <algorithm>

#include <fmt/format.h>

namespace sublet::cpu {

LaunchProgress::Batch LaunchProgress::take(std::uint64_t wanted) {
  if (stopped()) {
    return {};
  }
  const std::uint64_t first = next_.fetch_add(wanted, std::memory_order_relaxed);
  if (first >= blocks_) {
    return {};
  }
  return {.first = first, .count = std::min(wanted, blocks_ - first)};
}

void LaunchProgress::fail(const Fault& fault) {
  const std::lock_guard lock(mutex_);
  if (!fault_ || fault.block < fault_->block) {
    fault_ = fault;
  }
  stopped_.store(true, std::memory_order_relaxed);
}

std::optional<Fault> LaunchProgress::fault() const {
  const std::lock_guard lock(mutex_);
  return fault_;
}

std::string place_in(const Extent& extent, std::uint64_t index) {
  const std::uint64_t plane = std::uint64_t{extent[0]} * extent[1];
  return fmt::format("({},{},{})", index % extent[0], index / extent[0] % extent[1], index / plane);
}

}  // namespace sublet::cpu
