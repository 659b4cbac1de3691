#pragma once

#include <cstdint>
#include <vector>

#include "gpu-worker/devices/cpu/ptx/ir.hpp"

namespace sublet::cpu {

/// The functions that a kernel may call, directly or not.
struct CallGraph {
  /// Into Module::functions; each is defined.
  std::vector<std::uint32_t> functions;
  /// Of the same functions: whether a call of it may, before it returns, call it again. Some that cannot are among them.
  std::vector<bool> repeats;
  /// Bytes of local memory that all frames of the deepest chain of calls take, the kernel's included; of functions that call themselves
  /// once.
  std::uint64_t frame_bytes = 0;
  bool any_repeats = false;
};

CallGraph call_graph_of(const Module& module, const Kernel& kernel);

}  // namespace sublet::cpu
