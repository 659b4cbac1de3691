#include "tests/conformance/device_suite.hpp"

#include "tests/gpu-worker/cuda/card.hpp"

namespace sublet::conformance {

INSTANTIATE_TEST_SUITE_P(Cuda, DeviceSuite,
                         ::testing::Values(DeviceUnderTest{
                             .name = "Card0", .make = [] { return test::first_card(); }, .sessions_fail_alone = false}),
                         [](const auto& given) { return given.param.name; });

}  // namespace sublet::conformance
