// What is said on a host without an NVIDIA driver. Skipped where there is one.

#include <gtest/gtest.h>

#include "gpu-worker/devices/cuda/device.hpp"
#include "gpu-worker/devices/cuda/nvml.hpp"

namespace sublet::cuda {
namespace {

void expect_remedy(const Error& error) {
  EXPECT_EQ(error.code, ErrorCode::bad_argument);
  EXPECT_NE(error.detail.find("driver"), std::string::npos) << error.detail;
  EXPECT_NE(error.detail.find("--device cpu"), std::string::npos) << error.detail;
}

TEST(WithoutADriver, ADeviceSaysWhatToDo) {
  const auto device = make_cuda_device({});
  if (device) {
    GTEST_SKIP() << "this host has a CUDA card";
  }
  expect_remedy(device.error());
}

TEST(WithoutADriver, LookingForCardsSaysWhatToDo) {
  const auto nvml = Nvml::load();
  if (nvml) {
    GTEST_SKIP() << "this host has an NVIDIA driver";
  }
  expect_remedy(nvml.error());
}

}  // namespace
}  // namespace sublet::cuda
