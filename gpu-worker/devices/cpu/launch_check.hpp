#pragma once

#include <cstddef>

#include "common/error.hpp"
#include "gpu-worker/device.hpp"
#include "gpu-worker/devices/cpu/run/program.hpp"

namespace sublet::cpu {

/// Whether `launch` can be: its grid, block, shared bytes and arguments; `launch_failed` names what cannot.
Result<void> check_launch(const Launch& launch, const Program& kernel);

/// The packed arguments, and the addresses of buffers, at the kernel's own offsets.
/// @param into  `kernel.parameter_bytes` of them
void lay_out_arguments(const Launch& launch, const Program& kernel, std::byte* into);

}  // namespace sublet::cpu
