#pragma once

#include <cstdint>
#include <vector>

#include "gpu-worker/devices/cpu/ptx/ir.hpp"

namespace sublet::cpu {

/// Cuts a kernel into basic blocks and finds where divergent threads meet again.
/// @param label_positions  for each label, the instruction it stands before; branches name labels and are rewritten to name blocks
void build_flow(Kernel& kernel, const std::vector<std::uint32_t>& label_positions);

}  // namespace sublet::cpu
