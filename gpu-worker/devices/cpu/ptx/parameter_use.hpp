#pragma once

#include <cstdint>
#include <vector>

#include "gpu-worker/devices/cpu/ptx/ir.hpp"

namespace sublet::cpu {

/// What a kernel does with a parameter, as far as its own instructions tell; functions that it calls are not looked into.
struct ParameterUse {
  bool pointer = false;
  bool read = false;     ///< what it points to
  bool written = false;  ///< what it points to
  /// The widest value that is read or written there; 0 when none is.
  std::uint32_t element_bytes = 0;
};

/// One for each of the kernel's parameters.
///
/// PTX need not say what is a pointer. Where a kernel has .ptr, that counts; otherwise what is converted to a global address, as nvcc does
/// with every pointer; otherwise what reaches an address by sums alone. Only the first 64 parameters are looked at.
std::vector<ParameterUse> parameter_uses(const Kernel& kernel);

}  // namespace sublet::cpu
