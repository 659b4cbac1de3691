#include "tests/conformance/device_suite.hpp"

#include "tests/conformance/lane_suite.hpp"
#include "tests/gpu-worker/cuda/card.hpp"

namespace sublet::conformance {

namespace {

const DeviceUnderTest kCard{.name = "Card0", .make = [] { return test::first_card(); }, .sessions_fail_alone = false};

}  // namespace

INSTANTIATE_TEST_SUITE_P(Cuda, DeviceSuite, ::testing::Values(kCard), [](const auto& given) { return given.param.name; });
INSTANTIATE_TEST_SUITE_P(Cuda, LaneSuite, ::testing::Values(kCard), [](const auto& given) { return given.param.name; });

}  // namespace sublet::conformance
