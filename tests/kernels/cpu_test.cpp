// The pipelines of kernels/, run by a plan on the CPU device, against plain C++.

#include <cstring>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/kernels/lone_lane.hpp"
#include "tests/support/reference.hpp"

namespace sublet {
namespace {

using test::bytes_of;
using test::LoneLane;
using test::Output;
using test::random_bytes;

TEST(Pipeline, O9_ScaleThenBiasOver1024Floats) {
  std::vector<float> values(1024);
  for (std::size_t i = 0; i < values.size(); ++i) values[i] = static_cast<float>(i);
  LoneLane lane("transform/scale_bias.yaml", values.size() * sizeof(float));
  const Output output = lane.run(bytes_of(values));
  EXPECT_EQ(output, test::scale_bias_reference(bytes_of(values)));
  std::vector<float> results(values.size());
  ASSERT_EQ(output.size(), results.size() * sizeof(float));
  std::memcpy(results.data(), output.data(), output.size());
  EXPECT_EQ(results[0], 10.0F);
  EXPECT_EQ(results[1], 12.0F);
  EXPECT_EQ(results[100], 210.0F);
}

TEST(Pipeline, ScaleAndBiasTakeAnyBitsAndLeaveBytesAfterTheLastWholeFloat) {
  // Random bits hold NaNs and denormal numbers too.
  const Output input = random_bytes(4 * 30'000 + 3);
  EXPECT_TRUE(LoneLane("transform/scale_bias.yaml", input.size()).run(input) == test::scale_bias_reference(input));
}

TEST(Pipeline, O10_VideoMatchesTheReference) {
  LoneLane lane("video/video.yaml", 1'000'000);
  for (const std::size_t n : {0, 1, 255, 256, 257, 1'000'000}) {
    const Output input = random_bytes(n);
    EXPECT_TRUE(lane.run(input) == test::video_reference(input, 0.1F)) << "n = " << n;
  }
}

TEST(Pipeline, VideoMatchesTheReferenceForEveryByte) {
  Output input(256);
  for (std::size_t i = 0; i < input.size(); ++i) input[i] = static_cast<std::byte>(i);
  EXPECT_EQ(LoneLane("video/video.yaml", input.size()).run(input), test::video_reference(input, 0.1F));
}

TEST(Pipeline, ALongChunkLeavesNothingBehindInAShortOne) {
  LoneLane lane("video/video.yaml", 10'000);
  (void)lane.run(Output(10'000, std::byte{255}));
  const Output input = random_bytes(100);
  EXPECT_EQ(lane.run(input), test::video_reference(input, 0.1F));
}

TEST(Pipeline, EchoAnswersWhatItGot) {
  LoneLane lane("echo/echo.yaml", 1000);
  for (const std::size_t n : {0, 1, 1000}) EXPECT_EQ(lane.run(random_bytes(n)), random_bytes(n));
}

}  // namespace
}  // namespace sublet
