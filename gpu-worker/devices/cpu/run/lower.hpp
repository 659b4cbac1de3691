#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "common/error.hpp"
#include "gpu-worker/devices/cpu/ptx/ir.hpp"
#include "gpu-worker/devices/cpu/run/program.hpp"

namespace sublet::cpu {

/// Makes `kernel` ready to run. What this device does not run is added to `module.unsupported`; an operand that does not fit its
/// instruction is `load_failed`.
/// @param variable_addresses  of `module.variables`
/// @param wide                whether to use the functions for AVX2 and FMA
/// @param steps               what the module's kernels became so far; each brings along the functions it calls, so a short text can ask
/// for much
Result<Program> lower_kernel(Module& module, const Kernel& kernel, std::span<const std::uint64_t> variable_addresses, bool wide,
                             std::size_t& steps);

}  // namespace sublet::cpu
