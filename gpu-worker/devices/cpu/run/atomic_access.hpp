#pragma once

#include <optional>

#include "gpu-worker/devices/cpu/run/memory_access.hpp"

namespace sublet::cpu {

/// Does `atomic` for a run of lanes, one after another. Other threads of the host see each one whole.
std::optional<AccessFault> run_atomic(const Atomic& atomic, const RegisterFile& registers, LaneRun run, const BlockMemory& memory,
                                      MemoryRange& last_hit);

/// Whether there is such an operation on such a type.
bool has_atomic(Operation operation, Type type);

}  // namespace sublet::cpu
