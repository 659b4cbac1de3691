#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "common/pipeline/compiled.hpp"
#include "common/pipeline/pipeline.hpp"
#include "tests/common/pipeline/example.hpp"

namespace sublet {
namespace {

using test::refusal;
using test::video_pipeline;
using ::testing::HasSubstr;

TEST(Sizes, RoundEveryBufferUpTo256Bytes) {
  EXPECT_EQ(lane_bytes(video_pipeline(), 1000), 1024_B + 4096_B + 4096_B + 1024_B);
  EXPECT_EQ(lane_bytes(video_pipeline(), 256), 256_B + 1024_B + 1024_B + 256_B);
  EXPECT_EQ(lane_bytes(video_pipeline(), 257), 512_B + 1280_B + 1280_B + 512_B);
}

TEST(Sizes, GiveAnEmptyInput256BytesPerBuffer) { EXPECT_EQ(lane_bytes(video_pipeline(), 0), 1024_B); }

TEST(Sizes, CountEachModuleInWholePagesOf64KiB) {
  Bundle bundle;
  EXPECT_EQ(module_bytes(bundle), 0_B);
  bundle.modules = {{"a", std::vector<std::byte>(1)}, {"b", std::vector<std::byte>(65537)}, {"c", std::vector<std::byte>(65536)}};
  EXPECT_EQ(module_bytes(bundle), 256_KiB);
}

TEST(Sizes, LeaseEveryLaneAndTheModules) {
  const Bundle bundle = {.pipeline = video_pipeline(), .modules = {{"video", std::vector<std::byte>(5000)}}};
  EXPECT_EQ(lease_bytes(bundle, 1000), Bytes{2 * 10240} + 64_KiB);
  EXPECT_EQ(lease_bytes(bundle.pipeline, 1000, 64_KiB), lease_bytes(bundle, 1000));
}

TEST(Sizes, LeaseTheLargerOfBothEndsForEachBuffer) {
  Pipeline pipeline = video_pipeline();
  pipeline.lanes = 1;
  pipeline.buffers[1].bytes = "max(n, 10240) - n";
  // Empty: 256 + 10240 + 256 + 256; at 10240: 10240 + 256 + 40960 + 10240.
  EXPECT_EQ(lease_bytes(pipeline, 10240, 0_B), Bytes{10240 + 10240 + 40960 + 10240});
}

TEST(Sizes, RefuseWhatPasses64Bits) {
  EXPECT_THAT(refusal(lane_bytes(video_pipeline(), UINT64_MAX / 2)), HasSubstr("buffer \"decoded\""));
  Pipeline pipeline = video_pipeline();
  pipeline.buffers[0].bytes = "18446744073709551615";
  EXPECT_THAT(refusal(lane_bytes(pipeline, 0)), HasSubstr("more than any card has"));
  pipeline.buffers[0].bytes = "9223372036854775808";
  EXPECT_EQ(lane_bytes(pipeline, 0), Bytes{(UINT64_C(1) << 63U) + 768});
  EXPECT_THAT(refusal(lease_bytes(pipeline, 0, 0_B)), HasSubstr("2^64 bytes together"));
  pipeline.buffers[1].bytes = "9223372036854775808";
  EXPECT_THAT(refusal(lane_bytes(pipeline, 0)), HasSubstr("2^64 bytes together"));
  pipeline.lanes = 1;
  pipeline.buffers[1].bytes = "0";
  EXPECT_FALSE(lease_bytes(pipeline, 0, Bytes{UINT64_MAX}).has_value());
}

TEST(Sizes, BoundAnOutputThatOverflowsItsBufferByTheBuffer) {
  Pipeline pipeline = video_pipeline();
  pipeline.outputs[0].bytes = "n * 2";
  const auto compiled = compile(pipeline);
  ASSERT_TRUE(compiled.has_value());
  EXPECT_EQ(compiled->output_length(1000).error().code, ErrorCode::output_too_large);
  EXPECT_EQ(compiled->output_room(1000), 1000U);
  EXPECT_EQ(compiled->output_room(0), 0U);
}

TEST(Sizes, TakeTheWholeOutputUnlessTold) {
  Pipeline pipeline = video_pipeline();
  EXPECT_EQ(output_length(pipeline, 1000), 1000U);
  EXPECT_EQ(output_length(pipeline, 0), 0U);
  pipeline.outputs[0].bytes = "n / 2";
  EXPECT_EQ(output_length(pipeline, 1000), 500U);
}

TEST(Sizes, RefuseAnOutputLargerThanItsBuffer) {
  Pipeline pipeline = video_pipeline();
  pipeline.outputs[0].bytes = "n + 1";
  EXPECT_THAT(refusal(output_length(pipeline, 1000), ErrorCode::output_too_large),
              HasSubstr("1001 bytes at n = 1000, but its buffer \"encoded\" only 1000"));
}

}  // namespace
}  // namespace sublet
