#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "gpu-worker/devices/cpu/ptx/ir.hpp"

namespace sublet::cpu {

/// Where a kernel's shared variables stand in the shared memory of its blocks.
struct SharedLayout {
  /// Of the module's variables, in their order; right for those that the kernel or a function of it names.
  std::vector<std::uint32_t> offsets;
  /// Of all of them but the dynamic ones, which begin here.
  std::uint64_t bytes = 0;
};

/// @param bodies  the kernel and the functions that it calls
SharedLayout lay_out_shared(const Module& module, std::span<const Kernel* const> bodies);

}  // namespace sublet::cpu
