#include "tests/conformance/device_suite.hpp"

#include "gpu-worker/devices/cpu/device.hpp"

namespace sublet::conformance {
namespace {

/// With its own folder for compiled sources, so that tests find nothing there.
std::unique_ptr<Device> make(unsigned threads) {
  return make_cpu_device({.total = 64_MiB, .threads = threads, .sources = {.cache = ::testing::TempDir() + "sublet-cpu-test"}});
}

}  // namespace

INSTANTIATE_TEST_SUITE_P(Cpu, DeviceSuite,
                         ::testing::Values(DeviceUnderTest{"OneThread", [] { return make(1); }},
                                           DeviceUnderTest{"FourThreads", [] { return make(4); }}),
                         [](const auto& given) { return given.param.name; });

}  // namespace sublet::conformance
