#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "gpu-worker/device.hpp"
#include "gpu-worker/devices/cuda/driver_api.hpp"

namespace sublet::cuda {

/// Where the bytes of a launch's arguments lie. The driver copies each to the kernel's own offset for it.
class LaunchArguments {
 public:
  /// @param launch  has been checked
  /// @return one pointer for each argument; good until the next call, or until the launch's bytes go
  void** of(const Launch& launch) {
    pointers_.clear();
    std::size_t at = 0;
    for (const std::uint32_t bytes : launch.arg_sizes) {
      pointers_.push_back(const_cast<std::byte*>(launch.args.data() + at));
      at += bytes;
    }
    // All of them before the first pointer, since growing moves them.
    addresses_.resize(launch.buffers.size());
    for (std::size_t i = 0; i < launch.buffers.size(); ++i) {
      const BufferArgument& each = launch.buffers[i];
      addresses_[i] = each.buffer.value + each.offset;
      pointers_[each.argument] = &addresses_[i];
    }
    return pointers_.data();
  }

 private:
  std::vector<void*> pointers_;
  std::vector<DeviceAddress> addresses_;
};

}  // namespace sublet::cuda
