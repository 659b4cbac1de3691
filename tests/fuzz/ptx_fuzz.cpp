// Any bytes as a module: they are refused with an error, or every kernel is reported on and runs a while. Links sublet_cpu_device.

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <vector>

#include "gpu-worker/devices/cpu/loaded_module.hpp"
#include "gpu-worker/devices/cpu/module_report.hpp"
#include "gpu-worker/devices/cpu/run/grid_runner.hpp"

using namespace sublet;

namespace {

constexpr std::uint64_t kFuel = 20'000;
/// One warp and a thread, so that runs of lanes have an odd end; and one warp, for which there is native code.
constexpr std::array<std::uint32_t, 2> kThreads = {33, 32};
constexpr std::size_t kMaxKernels = 8;

void run_kernel(const cpu::Program& kernel, const cpu::SessionMemory& memory, std::uint64_t buffer, cpu::GridRunner& grids) {
  std::vector<std::byte> parameters(kernel.parameter_bytes);
  for (const cpu::Parameter& parameter : kernel.parameters) {
    const std::uint64_t value = parameter.size == 8 ? buffer : 17;
    std::memcpy(parameters.data() + parameter.offset, &value, std::min<std::size_t>(parameter.size, sizeof value));
  }
  for (const std::uint32_t threads : kThreads) {
    grids.run({.program = kernel,
               .grid = {2, 1, 1},
               .block = {threads, 1, 1},
               .parameters = parameters.data(),
               .memory = memory.table(),
               .limits = {.fuel = kFuel}});
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const ByteView image = std::as_bytes(std::span(data, size));
  [[maybe_unused]] const auto report = cpu::report_on(image);
  cpu::DeviceMemory device(1_MiB);
  cpu::SessionMemory memory(device, 1_MiB);
  const Result<std::uint64_t> buffer = memory.allocate(4_KiB);
  const Result<cpu::LoadedModule> module = cpu::load_module(image, memory, cpu::has_wide_lanes());
  if (!module || !buffer) {
    return 0;
  }
  cpu::WorkerPool pool(1);
  cpu::GridRunner grids(pool, cpu::has_wide_lanes(), cpu::NativeUse::always);
  for (std::size_t i = 0; i < std::min(module->kernels.size(), kMaxKernels); ++i) {
    run_kernel(module->kernels[i], memory, *buffer, grids);
  }
  return 0;
}
