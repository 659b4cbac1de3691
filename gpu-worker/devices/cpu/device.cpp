#include "gpu-worker/devices/cpu/device.hpp"

#include <fmt/format.h>

#include "gpu-worker/devices/cpu/device_memory.hpp"
#include "gpu-worker/devices/cpu/session.hpp"

namespace sublet {

namespace {

class CpuDevice final : public Device {
 public:
  explicit CpuDevice(const CpuDeviceOptions& options)
      : info_{.kind = "cpu", .name = options.name, .total = options.total, .context_overhead = {}},
        memory_(options.total),
        threads_(options.threads),
        native_(options.native),
        on_print_(options.on_print),
        sources_(options.sources) {}

  [[nodiscard]] const DeviceInfo& info() const override { return info_; }

  Result<std::unique_ptr<Session>> open_session(const SessionOptions& options) override {
    if (options.slice > info_.total) {
      return fail(ErrorCode::alloc_failed_device,
                  fmt::format("a slice of {} bytes of a device that has {}; ask for less", options.slice.count, info_.total.count));
    }
    return std::make_unique<cpu::CpuSession>(memory_, threads_, options, cpu::has_wide_lanes(), native_, sources_, on_print_);
  }

 private:
  DeviceInfo info_;
  cpu::DeviceMemory memory_;
  unsigned threads_;
  cpu::NativeUse native_;
  std::function<void(std::string_view)> on_print_;
  image::SourceCompiler sources_;
};

}  // namespace

std::unique_ptr<Device> make_cpu_device(const CpuDeviceOptions& options) { return std::make_unique<CpuDevice>(options); }

}  // namespace sublet
