#pragma once

#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "common/bytes.hpp"
#include "gpu-worker/device.hpp"
#include "gpu-worker/devices/cpu/native/native_use.hpp"
#include "gpu-worker/devices/image/source_compiler.hpp"

namespace sublet {

struct CpuDeviceOptions {
  Bytes total = 8_GiB;
  /// That may run the blocks of one launch, the caller of `sync` included; 0: as many as the machine has.
  unsigned threads = 0;
  /// Machine code is for machines with AVX2. The results are the same without.
  cpu::NativeUse native = cpu::NativeUse::when_worth;
  std::string name = "cpu";
  /// Takes what kernels print, with where it came from: `kernel "k", block (0,0,0), thread (1,0,0): hello`. Called by several threads; when
  /// there is none, it is dropped.
  std::function<void(std::string_view)> on_print = {};
  /// What makes PTX of modules that are CUDA C++.
  image::SourceOptions sources = {};
};

/// A card made of this machine's processor: runs PTX as nvcc and NVRTC write it. A session must not outlive its device. Sessions of one
/// device may be used at the same time, each by its own thread.
std::unique_ptr<Device> make_cpu_device(const CpuDeviceOptions& options);

}  // namespace sublet
