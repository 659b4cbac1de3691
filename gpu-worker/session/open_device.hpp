#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "gpu-worker/device.hpp"

namespace sublet::session {

/// The program that session processes are, which also compiles modules for them.
inline constexpr const char* kSessionProgram = "sublet-session";

struct DeviceChoice {
  std::string kind = "cpu";
  std::uint32_t card = 0;
  Bytes vram;                 ///< of the cpu device
  std::uint32_t threads = 1;  ///< of the cpu device
  bool through_mps = false;   ///< the card is to be used through an MPS daemon, where otherwise it must not be
};

/// Opens the card that a session process works on. `bad_argument` for a kind that this host does not have.
Result<std::unique_ptr<Device>> open_device(const DeviceChoice& choice);

}  // namespace sublet::session
