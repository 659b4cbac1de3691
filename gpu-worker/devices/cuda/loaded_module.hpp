#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "gpu-worker/device.hpp"
#include "gpu-worker/devices/cuda/handles.hpp"
#include "gpu-worker/devices/image/code_cache.hpp"
#include "gpu-worker/devices/image/source_compiler.hpp"

namespace sublet::cuda {

/// What a card runs: 9.0 is an H100's.
struct Capability {
  int major = 0;
  int minor = 0;
};

/// A kernel and what a launch of it is checked against.
struct Kernel {
  FunctionHandle function = nullptr;
  std::string name;
  std::vector<std::uint32_t> parameter_bytes;  ///< in order
  std::uint32_t max_threads = 0;               ///< of a block
  std::uint32_t static_shared_bytes = 0;
  std::uint32_t local_bytes = 0;            ///< of each thread
  std::uint32_t allowed_dynamic_bytes = 0;  ///< raised by the first launch that needs more
};

/// What of a card a launch is checked against.
struct CardLimits {
  Capability capability;
  Dim3 max_grid = {1, 1, 1};
  Dim3 max_block = {1, 1, 1};
  std::uint32_t max_threads = 1;
  std::uint32_t max_shared_bytes = 0;  ///< of a block, static and dynamic
  std::uint64_t resident_threads = 0;  ///< that all its multiprocessors hold at a time
};

/// What this host makes a card's code with.
struct HostCode {
  image::CodeCache cache;
  image::SourceCompiler sources;
};

/// A module in the current context.
class LoadedModule {
 public:
  /// @param image  PTX, cubin, fatbin, or CUDA C++ source; `load_failed` says what is wrong with it
  static Result<LoadedModule> load(const DriverRef& driver, const CardLimits& card, const HostCode& host, ByteView image);

  /// Null when there is none of that name.
  [[nodiscard]] Kernel* kernel(std::string_view name);
  /// The kernel whose threads need the most local memory; null where there is none.
  [[nodiscard]] const Kernel* largest_local() const;
  /// "decode, encode", for error texts.
  [[nodiscard]] std::string kernel_names() const;
  void abandon() { module_.abandon(); }

 private:
  Result<void> read_kernels(const Driver& driver);

  OwnedModule module_;
  std::vector<Kernel> kernels_;
};

}  // namespace sublet::cuda
