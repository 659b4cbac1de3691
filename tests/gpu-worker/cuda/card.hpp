#pragma once

#include <memory>

#include <gtest/gtest.h>

#include "gpu-worker/devices/cuda/device.hpp"

namespace sublet::test {

/// This host's first CUDA card; null where there is none. With its own folder for compiled modules, so that tests find nothing there.
inline std::unique_ptr<Device> first_card(const std::string& cache = ::testing::TempDir() + "sublet-cuda-test") {
  auto device = make_cuda_device({.card = 0, .cache = cache});
  return device ? std::move(*device) : nullptr;
}

}  // namespace sublet::test
