#pragma once

#include <string>
#include <vector>

#include "common/bytes.hpp"
#include "common/error.hpp"
#include "gpu-worker/devices/cuda/handles.hpp"

namespace sublet::cuda {

/// What a card runs: 9.0 is an H100's.
struct Capability {
  int major = 0;
  int minor = 0;
};

/// PTX of CUDA C++, by NVRTC where its library is. `load_failed` with the compiler's log, or when the library is not there.
Result<std::string> compile_source(std::string_view source, Capability capability);

/// The current card's code for PTX. `load_failed` with the driver's text and log, the PTX's version and target, and what the driver reads.
Result<std::vector<std::byte>> link_ptx(const DriverRef& driver, std::string_view ptx);

}  // namespace sublet::cuda
