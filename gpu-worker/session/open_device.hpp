#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "gpu-worker/device.hpp"

namespace sublet::session {

struct DeviceChoice {
  std::string kind = "cpu";
  std::uint32_t card = 0;
  Bytes vram;
  std::uint32_t threads = 1;
};

/// Opens the card that a session process works on. `bad_argument` for a kind that this build does not have.
Result<std::unique_ptr<Device>> open_device(const DeviceChoice& choice);

}  // namespace sublet::session
