#include "gpu-worker/session/open_device.hpp"

#include <fmt/format.h>

#include "gpu-worker/devices/cpu/device.hpp"

namespace sublet::session {

Result<std::unique_ptr<Device>> open_device(const DeviceChoice& choice) {
  if (choice.kind != "cpu") {
    return fail(ErrorCode::bad_argument, fmt::format("this build has no {} device: use --device cpu", choice.kind));
  }
  return make_cpu_device({.total = choice.vram, .threads = choice.threads, .name = "cpu"});
}

}  // namespace sublet::session
