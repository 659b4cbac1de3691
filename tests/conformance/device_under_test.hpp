#pragma once

#include <functional>
#include <memory>
#include <string>

#include "gpu-worker/device.hpp"

namespace sublet::conformance {

struct DeviceUnderTest {
  std::string name;
  /// A device with at least 64 MiB; null where there is none, and the tests are skipped.
  std::function<std::unique_ptr<Device>()> make;
  /// Whether a session that fails leaves the others of its process alone. Where not, each test needs a process of its own.
  bool sessions_fail_alone = true;
};

}  // namespace sublet::conformance
