#include "tests/conformance/device_suite.hpp"

#include "gpu-worker/devices/cpu/device.hpp"

namespace sublet::conformance {

INSTANTIATE_TEST_SUITE_P(Cpu, DeviceSuite,
                         ::testing::Values(DeviceUnderTest{"OneThread", [] { return make_cpu_device({.total = 64_MiB, .threads = 1}); }},
                                           DeviceUnderTest{"FourThreads", [] { return make_cpu_device({.total = 64_MiB, .threads = 4}); }}),
                         [](const auto& given) { return given.param.name; });

}  // namespace sublet::conformance
