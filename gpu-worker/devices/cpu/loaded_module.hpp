#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "common/bytes.hpp"
#include "common/error.hpp"
#include "gpu-worker/devices/cpu/device_memory.hpp"
#include "gpu-worker/devices/cpu/run/program.hpp"

namespace sublet::cpu {

/// A module whose kernels are ready to run in one session.
struct LoadedModule {
  std::vector<Program> kernels;

  /// Null when it has none of that name.
  [[nodiscard]] const Program* kernel(std::string_view name) const;
  /// "decode, denoise, encode": at most the first 16.
  [[nodiscard]] std::string kernel_names() const;
};

/// Reads PTX text, gives its variables memory of the session and makes its kernels ready. `load_failed` names everything that cannot run.
/// @param wide  whether to use the lane functions for AVX2 and FMA
Result<LoadedModule> load_module(ByteView ptx, SessionMemory& memory, bool wide);

}  // namespace sublet::cpu
