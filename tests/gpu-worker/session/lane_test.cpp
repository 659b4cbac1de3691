#include "gpu-worker/devices/cpu/device.hpp"
#include "tests/conformance/lane_suite.hpp"

namespace sublet::conformance {

INSTANTIATE_TEST_SUITE_P(Cpu, LaneSuite, ::testing::Values(DeviceUnderTest{"Cpu", [] { return make_cpu_device({}); }}),
                         [](const auto& given) { return given.param.name; });

}  // namespace sublet::conformance
