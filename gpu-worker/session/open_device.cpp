#include "gpu-worker/session/open_device.hpp"

#include <cstdlib>

#include <fmt/format.h>

#include "gpu-worker/devices/cpu/device.hpp"
#include "gpu-worker/devices/cuda/device.hpp"

namespace sublet::session {

Result<std::unique_ptr<Device>> open_device(const DeviceChoice& choice) {
  if (choice.kind == "cuda") {
    // In the order in which the agent counts the cards, by NVML.
    ::setenv("CUDA_DEVICE_ORDER", "PCI_BUS_ID", 1);
    return make_cuda_device({.card = choice.card, .cache = {}, .compiler = kSessionProgram, .through_mps = choice.through_mps});
  }
  if (choice.kind != "cpu") {
    return fail(ErrorCode::bad_argument, fmt::format("this build has no {} device: use --device cpu or cuda", choice.kind));
  }
  return make_cpu_device({.total = choice.vram,
                          .threads = choice.threads,
                          .name = "cpu",
                          .on_print = [](std::string_view text) { fmt::print(stderr, "sublet-session: {}\n", text); },
                          .sources = {.program = kSessionProgram}});
}

}  // namespace sublet::session
