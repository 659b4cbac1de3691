#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "common/bytes.hpp"
#include "common/error.hpp"
#include "gpu-worker/devices/cpu/ptx/ir.hpp"
#include "gpu-worker/devices/cpu/ptx/parameter_use.hpp"

namespace sublet::cpu {

struct ParameterReport {
  std::string name;
  std::string type;  ///< "u64", "b8[24]"
  std::uint32_t bytes = 0;
  ParameterUse use;
};

struct KernelReport {
  std::string name;
  std::vector<ParameterReport> parameters;
  /// Static, with that of the functions it calls; what a launch adds is not known here.
  std::uint32_t shared_bytes = 0;
  /// How many it declares of each type, before any assembler has looked at them: "b32" and 17.
  std::vector<std::pair<std::string, std::uint32_t>> registers;
  std::optional<std::array<std::uint32_t, 3>> required_threads;
  std::optional<std::array<std::uint32_t, 3>> maximum_threads;
};

/// What a module of PTX holds, and what this device cannot run of it.
struct ModuleReport {
  std::string version;
  std::string target;
  std::vector<KernelReport> kernels;
  /// Bounded; `refused_total` counts all.
  std::vector<Unsupported> refused;
  std::size_t refused_total = 0;
};

/// Looks at PTX as loading it would. `load_failed` for what is no PTX and for what no device could run.
Result<ModuleReport> report_on(ByteView ptx);

}  // namespace sublet::cpu
