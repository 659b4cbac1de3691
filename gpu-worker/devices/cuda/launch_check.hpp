#pragma once

#include "common/error.hpp"
#include "gpu-worker/device.hpp"
#include "gpu-worker/devices/cuda/loaded_module.hpp"

namespace sublet::cuda {

/// Whether `launch` can be: its grid, block, shared bytes and arguments; `launch_failed` names what cannot.
Result<void> check_launch(const Launch& launch, const Kernel& kernel, const CardLimits& card);

}  // namespace sublet::cuda
