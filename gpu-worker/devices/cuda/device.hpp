#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "common/error.hpp"
#include "gpu-worker/device.hpp"

namespace sublet {

struct CudaDeviceOptions {
  std::uint32_t card = 0;
  /// Where compiled modules are kept; empty: the host's usual place.
  std::string cache;
  /// Passages of one shape become graphs. Only measurements do without.
  bool graphs = true;
  /// What compiles CUDA C++ apart (`image::SourceOptions::program`); empty: this process does.
  std::string compiler = {};
  /// Whether this process has to be a client of an MPS daemon; nothing: whatever it is.
  std::optional<bool> through_mps = std::nullopt;
};

/// A CUDA card of this host. Works where there is a driver only: otherwise `bad_argument`, with the remedy. Sessions of one device share a
/// context, and its fate: a fault in one of them ends them all, and only a new process can go on. Each may be used by a thread of its own,
/// the one that opened it; none must outlive the device.
Result<std::unique_ptr<Device>> make_cuda_device(const CudaDeviceOptions& options);

}  // namespace sublet
