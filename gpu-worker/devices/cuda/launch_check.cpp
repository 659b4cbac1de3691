#include "gpu-worker/devices/cuda/launch_check.hpp"

#include <numeric>

#include <fmt/format.h>

namespace sublet::cuda {
namespace {

std::string text_of(const Dim3& extent) { return fmt::format("({},{},{})", extent[0], extent[1], extent[2]); }

std::unexpected<Error> refused(const Kernel& kernel, const std::string& why) {
  return fail(ErrorCode::launch_failed, fmt::format("kernel \"{}\": {}", kernel.name, why));
}

Result<void> check_extents(const Launch& launch, const Kernel& kernel, const CardLimits& card) {
  std::uint64_t threads = 1;
  for (std::size_t i = 0; i < 3; ++i) {
    if (launch.grid[i] == 0 || launch.grid[i] > card.max_grid[i]) {
      return refused(kernel, fmt::format("grid {} is outside of (1,1,1) to {}", text_of(launch.grid), text_of(card.max_grid)));
    }
    if (launch.block[i] == 0 || launch.block[i] > card.max_block[i]) {
      return refused(kernel, fmt::format("block {} is outside of (1,1,1) to {}", text_of(launch.block), text_of(card.max_block)));
    }
    threads *= launch.block[i];
  }
  if (threads > card.max_threads) {
    return refused(kernel, fmt::format("block {} has {} threads, the card's most is {}", text_of(launch.block), threads, card.max_threads));
  }
  if (threads > kernel.max_threads) {
    return refused(kernel, fmt::format("block {} has {} threads, the kernel's registers or launch bounds allow {}", text_of(launch.block),
                                       threads, kernel.max_threads));
  }
  const std::uint64_t shared = std::uint64_t{launch.shared_bytes} + kernel.static_shared_bytes;
  if (shared > card.max_shared_bytes) {
    return refused(kernel, fmt::format("{} bytes of shared memory, {} of them the kernel's own; the most is {}", shared,
                                       kernel.static_shared_bytes, card.max_shared_bytes));
  }
  return {};
}

Result<void> check_arguments(const Launch& launch, const Kernel& kernel) {
  if (launch.arg_sizes.size() != kernel.parameter_bytes.size()) {
    return refused(kernel, fmt::format("{} arguments where it takes {}", launch.arg_sizes.size(), kernel.parameter_bytes.size()));
  }
  for (std::size_t i = 0; i < launch.arg_sizes.size(); ++i) {
    if (launch.arg_sizes[i] != kernel.parameter_bytes[i]) {
      return refused(kernel,
                     fmt::format("argument {} has {} bytes where the kernel takes {}", i, launch.arg_sizes[i], kernel.parameter_bytes[i]));
    }
  }
  const std::uint64_t total = std::accumulate(launch.arg_sizes.begin(), launch.arg_sizes.end(), std::uint64_t{0});
  if (total != launch.args.size()) {
    return refused(kernel, fmt::format("{} bytes of arguments where the sizes say {}", launch.args.size(), total));
  }
  return check_buffer_arguments(launch);
}

}  // namespace

Result<void> check_launch(const Launch& launch, const Kernel& kernel, const CardLimits& card) {
  if (auto extents = check_extents(launch, kernel, card); !extents) {
    return extents;
  }
  return check_arguments(launch, kernel);
}

}  // namespace sublet::cuda
