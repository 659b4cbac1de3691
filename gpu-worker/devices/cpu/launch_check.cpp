#include "gpu-worker/devices/cpu/launch_check.hpp"

#include <cstring>
#include <numeric>

#include <fmt/format.h>

namespace sublet::cpu {

namespace {

constexpr std::uint64_t kMaxThreads = 1024;
constexpr Dim3 kMaxBlock = {1024, 1024, 64};
constexpr Dim3 kMaxGrid = {0x7fff'ffff, 65'535, 65'535};
constexpr std::uint32_t kMaxSharedBytes = 227U << 10U;

std::string text_of(const Dim3& extent) { return fmt::format("({},{},{})", extent[0], extent[1], extent[2]); }

std::unexpected<Error> refused(const Program& kernel, std::string why) {
  return fail(ErrorCode::launch_failed, fmt::format("kernel \"{}\": {}", kernel.name, why));
}

Result<void> check_extents(const Launch& launch, const Program& kernel) {
  std::uint64_t threads = 1;
  for (std::size_t i = 0; i < 3; ++i) {
    if (launch.grid[i] == 0 || launch.grid[i] > kMaxGrid[i]) {
      return refused(kernel, fmt::format("grid {} is outside of (1,1,1) to {}", text_of(launch.grid), text_of(kMaxGrid)));
    }
    if (launch.block[i] == 0 || launch.block[i] > kMaxBlock[i]) {
      return refused(kernel, fmt::format("block {} is outside of (1,1,1) to {}", text_of(launch.block), text_of(kMaxBlock)));
    }
    threads *= launch.block[i];
  }
  if (threads > kMaxThreads) {
    return refused(kernel, fmt::format("block {} has {} threads, the most is {}", text_of(launch.block), threads, kMaxThreads));
  }
  if (kernel.required_threads && *kernel.required_threads != launch.block) {
    return refused(kernel, fmt::format("block {} differs from the {} that the kernel requires (.reqntid)", text_of(launch.block),
                                       text_of(*kernel.required_threads)));
  }
  if (kernel.maximum_threads) {
    const Dim3& most = *kernel.maximum_threads;
    const std::uint64_t limit = std::uint64_t{most[0]} * most[1] * most[2];
    if (threads > limit) {
      return refused(kernel,
                     fmt::format("block {} has {} threads, the kernel allows {} (.maxntid)", text_of(launch.block), threads, limit));
    }
  }
  if (launch.shared_bytes > kMaxSharedBytes || launch.shared_bytes + kernel.shared_bytes > kMaxSharedBytes) {
    return refused(kernel, fmt::format("{} bytes of shared memory besides the kernel's own {}, the most is {}", launch.shared_bytes,
                                       kernel.shared_bytes, kMaxSharedBytes));
  }
  return {};
}

Result<void> check_arguments(const Launch& launch, const Program& kernel) {
  if (launch.arg_sizes.size() != kernel.parameters.size()) {
    return refused(kernel, fmt::format("{} arguments where it takes {}", launch.arg_sizes.size(), kernel.parameters.size()));
  }
  for (std::size_t i = 0; i < kernel.parameters.size(); ++i) {
    if (launch.arg_sizes[i] != kernel.parameters[i].size) {
      return refused(kernel, fmt::format("argument {} has {} bytes where \"{}\" takes {}", i, launch.arg_sizes[i],
                                         kernel.parameters[i].name, kernel.parameters[i].size));
    }
  }
  const std::uint64_t total = std::accumulate(launch.arg_sizes.begin(), launch.arg_sizes.end(), std::uint64_t{0});
  if (total != launch.args.size()) {
    return refused(kernel, fmt::format("{} bytes of arguments where the sizes say {}", launch.args.size(), total));
  }
  return check_buffer_arguments(launch);
}

}  // namespace

Result<void> check_launch(const Launch& launch, const Program& kernel) {
  if (Result<void> extents = check_extents(launch, kernel); !extents) {
    return extents;
  }
  return check_arguments(launch, kernel);
}

void lay_out_arguments(const Launch& launch, const Program& kernel, std::byte* into) {
  std::size_t at = 0;
  for (const Parameter& parameter : kernel.parameters) {
    if (parameter.size != 0) {
      std::memcpy(into + parameter.offset, launch.args.data() + at, parameter.size);
    }
    at += parameter.size;
  }
  for (const BufferArgument& each : launch.buffers) {
    const std::uint64_t address = each.buffer.value + each.offset;
    std::memcpy(into + kernel.parameters[each.argument].offset, &address, sizeof(address));
  }
}

}  // namespace sublet::cpu
