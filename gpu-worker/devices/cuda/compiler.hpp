#pragma once

#include <string_view>
#include <vector>

#include "common/bytes.hpp"
#include "common/error.hpp"
#include "gpu-worker/devices/cuda/handles.hpp"

namespace sublet::cuda {

/// The current card's code for PTX. `load_failed` with the driver's text and log, the PTX's version and target, and what the driver reads.
Result<std::vector<std::byte>> link_ptx(const DriverRef& driver, std::string_view ptx);

}  // namespace sublet::cuda
