#include "gpu-worker/core/plan.hpp"

#include <cstring>

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/common/pipeline/example.hpp"

namespace sublet {
namespace {

using test::refusal;
using ::testing::AllOf;
using ::testing::HasSubstr;

Bundle video_bundle() { return {.pipeline = test::video_pipeline(), .modules = {{"video", std::vector<std::byte>(100)}}}; }

Plan must(Result<Plan> plan) {
  if (!plan) throw std::runtime_error(to_text(plan.error()));
  return *std::move(plan);
}

std::vector<std::string_view> kernels_of(const ChunkPlan& chunk) {
  std::vector<std::string_view> kernels;
  for (const PlannedLaunch& launch : chunk.launches) kernels.push_back(launch.kernel);
  return kernels;
}

template <class Number>
Number number_at(std::span<const std::byte> bytes, std::size_t offset) {
  Number value;
  std::memcpy(&value, bytes.subspan(offset, sizeof(Number)).data(), sizeof(Number));
  return value;
}

TEST(Plan, SizesEveryBufferForTheLargestChunk) {
  Plan plan = must(make_plan(video_bundle(), 1000));
  ASSERT_EQ(plan.buffers().size(), 4U);
  EXPECT_EQ(plan.buffers()[0].name, "raw");
  EXPECT_EQ(plan.buffers()[0].capacity, 1024_B);
  EXPECT_EQ(plan.buffers()[1].capacity, 4096_B);
  const ChunkPlan& chunk = *plan.chunk(7).value();
  EXPECT_EQ(chunk.inputs.front().buffer, 0U);
  EXPECT_EQ(chunk.outputs.front().buffer, 3U);
  EXPECT_EQ(plan.time_limit(), 60s);
}

TEST(Plan, AllocatesNoMoreThanTheLeaseHolds) {
  Bundle bundle = video_bundle();
  bundle.pipeline.buffers[2].bytes = "max(n, 100000) - n";
  const Plan plan = must(make_plan(bundle, 100'000));
  EXPECT_EQ(Bytes{plan.lane_bytes().count * bundle.pipeline.lanes} + module_bytes(bundle), lease_bytes(bundle, 100'000));
}

TEST(Plan, RefusesAChunkThatTheRequirementsExclude) {
  Bundle bundle = video_bundle();
  bundle.pipeline.require = {{.that = "n % 4 == 3", .otherwise = "{n} is no such size"}};
  // Neither an empty chunk nor the largest is one that the pipeline takes; it is planned all the same.
  Plan plan = must(make_plan(bundle, 1000));
  EXPECT_EQ(plan.chunk(7).value()->output_bytes, 7U);
  for (const std::uint64_t n : {0, 8, 1000}) {
    EXPECT_EQ(refusal(plan.chunk(n), ErrorCode::bad_size), fmt::format("{} is no such size", n));
  }
  EXPECT_EQ(plan.chunk(7).value()->output_bytes, 7U) << "as if nothing had been refused";
}

TEST(Plan, LaunchesOneThreadForEachElement) {
  Plan plan = must(make_plan(video_bundle(), 1'000'000));
  const ChunkPlan* chunk = plan.chunk(257).value();
  EXPECT_EQ(chunk->output_bytes, 257U);
  EXPECT_EQ(kernels_of(*chunk), (std::vector<std::string_view>{"decode", "denoise", "encode"}));
  EXPECT_EQ(chunk->launches[0].grid, (Dim3{2, 1, 1}));
  EXPECT_EQ(chunk->launches[0].block, (Dim3{256, 1, 1}));
  EXPECT_EQ(plan.chunk(256).value()->launches[0].grid, (Dim3{1, 1, 1}));
}

TEST(Plan, LaysArgumentsOutWithoutPadding) {
  Plan plan = must(make_plan(video_bundle(), 1'000'000));
  const PlannedLaunch& denoise = plan.chunk(1000).value()->launches[1];
  EXPECT_EQ(denoise.arg_sizes, (std::vector<std::uint32_t>{8, 8, 4, 4}));
  ASSERT_EQ(denoise.args.size(), 24U);
  EXPECT_EQ(number_at<std::int32_t>(denoise.args, 16), 1000);
  EXPECT_EQ(number_at<float>(denoise.args, 20), 0.1F);
}

TEST(Plan, NamesALanesHandlesAsArguments) {
  Plan plan = must(make_plan(video_bundle(), 1'000'000));
  const PlannedLaunch& denoise = plan.chunk(1000).value()->launches[1];
  const std::vector<MemHandle> handles = {{100}, {101}, {102}, {103}};
  BoundArguments bound;
  bind_arguments(denoise, handles, bound);
  ASSERT_EQ(bound.bytes.size(), 24U);
  EXPECT_EQ(number_at<std::int32_t>(bound.bytes, 16), 1000);
  EXPECT_EQ(bound.buffers, (std::vector<BufferArgument>{{.argument = 0, .buffer = {101}}, {.argument = 1, .buffer = {102}}}));
}

TEST(Plan, WritesNegativeArgumentsInTheirWidth) {
  Bundle bundle = video_bundle();
  bundle.pipeline.stages[0].args = {
      {ArgumentType::s8, "-2"}, {ArgumentType::s16, "-3"}, {ArgumentType::s64, "-4"}, {ArgumentType::f64, "-0.5"}};
  Plan plan = must(make_plan(bundle, 1000));
  const auto& args = plan.chunk(1).value()->launches[0].args;
  ASSERT_EQ(args.size(), 19U);
  EXPECT_EQ(number_at<std::int8_t>(args, 0), -2);
  EXPECT_EQ(number_at<std::int16_t>(args, 1), -3);
  EXPECT_EQ(number_at<std::int64_t>(args, 3), -4);
  EXPECT_EQ(number_at<double>(args, 11), -0.5);
}

TEST(Plan, LaunchesNothingForAnEmptyChunk) {
  Plan plan = must(make_plan(video_bundle(), 1000));
  const ChunkPlan* chunk = plan.chunk(0).value();
  EXPECT_TRUE(chunk->launches.empty());
  EXPECT_EQ(chunk->output_bytes, 0U);
}

TEST(Plan, LeavesOutTheStagesWithNothingToDoAndKeepsTheOrderOfTheOthers) {
  Bundle bundle = video_bundle();
  bundle.pipeline.stages[0].over = "n / 100";
  bundle.pipeline.stages[1].over = "n % 2";
  Plan plan = must(make_plan(bundle, 1000));
  EXPECT_EQ(kernels_of(*plan.chunk(10).value()), (std::vector<std::string_view>{"encode"}));
  EXPECT_EQ(kernels_of(*plan.chunk(101).value()), (std::vector<std::string_view>{"decode", "denoise", "encode"}));
  EXPECT_EQ(kernels_of(*plan.chunk(102).value()), (std::vector<std::string_view>{"decode", "encode"}));
  EXPECT_EQ(kernels_of(*plan.chunk(11).value()), (std::vector<std::string_view>{"denoise", "encode"}));
  const ChunkPlan* chunk = plan.chunk(101).value();
  EXPECT_EQ(chunk->launches[1].arg_sizes.size(), 4U) << "a launch keeps its own arguments when it changes places";
  EXPECT_EQ(number_at<std::int32_t>(chunk->launches[2].args, 16), 101);
}

TEST(Plan, StaysTheSameForTheSameLength) {
  Plan plan = must(make_plan(video_bundle(), 1000));
  const ChunkPlan* first = plan.chunk(100).value();
  const std::byte* args = first->launches[0].args.data();
  EXPECT_EQ(plan.chunk(100).value()->launches[0].args.data(), args);
  EXPECT_EQ(plan.chunk(200).value()->launches[0].args.data(), args) << "another length reuses the memory";
}

TEST(Plan, SurvivesBeingMoved) {
  Plan plan = must(make_plan(video_bundle(), 1000));
  (void)plan.chunk(100);
  Plan moved = std::move(plan);
  EXPECT_EQ(kernels_of(*moved.chunk(100).value()), (std::vector<std::string_view>{"decode", "denoise", "encode"}));
}

TEST(Plan, RefusesAChunkLargerThanStated) {
  Plan plan = must(make_plan(video_bundle(), 1000));
  EXPECT_TRUE(plan.chunk(1000).has_value());
  EXPECT_THAT(refusal(plan.chunk(1001), ErrorCode::chunk_too_large), AllOf(HasSubstr("1001"), HasSubstr("1000")));
}

TEST(Plan, RefusesAChunkWhoseBufferPassesItsCapacity) {
  Bundle bundle = video_bundle();
  bundle.pipeline.buffers[1].bytes = "n * 4 + n % 1000 * 1000";
  Plan plan = must(make_plan(bundle, 1000));
  EXPECT_THAT(refusal(plan.chunk(999)), AllOf(HasSubstr("buffer \"decoded\" needs 1002996 bytes"), HasSubstr("4096")));
  EXPECT_TRUE(plan.chunk(1000).has_value()) << "one bad chunk spoils no other";
}

TEST(Plan, RefusesAChunkWhoseOutputPassesItsBuffer) {
  Bundle bundle = video_bundle();
  bundle.pipeline.outputs[0].bytes = "n + n % 2";
  Plan plan = must(make_plan(bundle, 1000));
  EXPECT_TRUE(plan.chunk(10).has_value());
  EXPECT_THAT(refusal(plan.chunk(11), ErrorCode::output_too_large), HasSubstr("12 bytes at n = 11"));
  bundle.pipeline.outputs[0].bytes.clear();
  bundle.pipeline.buffers[3].bytes = "n + n % 1000 * 1000";
  Plan other = must(make_plan(bundle, 1000));
  EXPECT_THAT(refusal(other.chunk(11), ErrorCode::output_too_large), HasSubstr("buffer \"encoded\""));
}

TEST(Plan, RefusesAnInputBufferSmallerThanTheChunk) {
  Bundle bundle = video_bundle();
  bundle.pipeline.buffers[0].bytes = "n / 2";
  EXPECT_THAT(refusal(make_plan(bundle, 1000)),
              AllOf(HasSubstr("\"raw\" has 500 bytes for a chunk of 1000"), HasSubstr("make it n or larger")));
}

TEST(Plan, RefusesAPipelineThatCannotRunItsLargestChunk) {
  EXPECT_THAT(refusal(make_plan(video_bundle(), UINT64_C(1) << 31U)), AllOf(HasSubstr("stage 1"), HasSubstr("i32 cannot hold 2147483648")));
  Bundle bundle = video_bundle();
  for (auto& stage : bundle.pipeline.stages) stage.args.pop_back();
  bundle.pipeline.stages[1].args.clear();
  bundle.pipeline.stages[1].over = "n * 512";
  EXPECT_THAT(refusal(make_plan(bundle, UINT64_C(1) << 31U)), AllOf(HasSubstr("stage 2"), HasSubstr("blocks in x")));
}

TEST(Plan, RefusesABundleWithoutTheModulesItDeclares) {
  Bundle bundle = video_bundle();
  bundle.modules[0].name = "other";
  EXPECT_THAT(refusal(make_plan(bundle, 1000)), HasSubstr("bundle each declared module"));
  bundle.modules.clear();
  EXPECT_THAT(refusal(make_plan(bundle, 1000)), HasSubstr("declares 1 modules, and its bundle holds 0"));
}

/// Of the video pipeline's three stages: the second repeated.
Bundle repeated_bundle() {
  Bundle bundle = video_bundle();
  bundle.pipeline.repeats = {{.first = 1, .stages = 1, .check = 0, .times = "n", .every = "5", .until = "f32 smooth < 1", .otherwise = ""}};
  return bundle;
}

TEST(Plan, CutsAChunkIntoPartsThatRepeat) {
  Plan plan = must(make_plan(repeated_bundle(), 1000));
  const auto parts = plan.chunk(700).value()->parts;
  ASSERT_EQ(parts.size(), 3U);
  EXPECT_EQ(parts[0].launches, 1U);
  EXPECT_EQ(parts[0].times, 1U);
  EXPECT_FALSE(parts[0].has_until());
  EXPECT_EQ(parts[1].launches, 1U);
  EXPECT_EQ(parts[1].times, 700U);
  EXPECT_EQ(parts[1].every, 5U);
  ASSERT_TRUE(parts[1].has_until());
  EXPECT_EQ(parts[1].limit, 0x3f800000U);
  EXPECT_EQ(parts[2].launches, 1U);
  EXPECT_TRUE(plan.chunk(0).value()->parts.empty()) << "all stages are skipped, so nothing repeats";
}

TEST(Plan, CountsTheStagesOfARepeatThatAreLeftOut) {
  Bundle bundle = repeated_bundle();
  bundle.pipeline.repeats[0].stages = 2;
  bundle.pipeline.stages[1].over = "n / 500";
  Plan plan = must(make_plan(bundle, 1000));
  EXPECT_EQ(plan.chunk(1000).value()->parts.back().launches, 2U);
  EXPECT_EQ(plan.chunk(10).value()->parts.back().launches, 1U);
}

TEST(Plan, LimitsTheLaunchesOfAChunk) {
  Bundle bundle = repeated_bundle();
  bundle.pipeline.repeats[0].times = "n * 1048576";
  EXPECT_EQ(must(make_plan(bundle, 1)).max_chunk_bytes(), 1U);
  EXPECT_THAT(refusal(make_plan(bundle, 2)),
              AllOf(HasSubstr("repeat 1: 2097152 times 1 kernels at n = 2"), HasSubstr("at most 1048576 launches")));
  bundle.pipeline.repeats[0] = {
      .first = 1, .stages = 1, .check = 1, .times = "1048576", .every = "1", .until = "f32 smooth < 1", .otherwise = ""};
  EXPECT_THAT(refusal(make_plan(bundle, 1)), HasSubstr("1048576 times 2 kernels"));
  bundle.pipeline.repeats[0].times = "18446744073709551615";
  EXPECT_THAT(refusal(make_plan(bundle, 1)), HasSubstr("18446744073709551615 times 2 kernels"));
  bundle.pipeline.repeats[0].times = "1000000";
  bundle.pipeline.repeats[0].every = "1000000";
  EXPECT_EQ(must(make_plan(bundle, 1)).max_chunk_bytes(), 1U);
}

TEST(Plan, RefusesARepeatThatCannotBeLookedAt) {
  Bundle bundle = repeated_bundle();
  bundle.pipeline.repeats[0].every = "n / 1000";
  EXPECT_THAT(refusal(make_plan(bundle, 999)), HasSubstr("repeat 1: every is 0 at n = 999"));
  bundle.pipeline.repeats[0].every = "n / 999";
  EXPECT_EQ(must(make_plan(bundle, 999)).max_chunk_bytes(), 999U);
  bundle.pipeline.repeats[0].until = "f64 encoded < 1";
  EXPECT_THAT(refusal(make_plan(bundle, 7)), HasSubstr("repeat 1: every is 0"));
  bundle.pipeline.repeats[0].every.clear();
  EXPECT_THAT(refusal(make_plan(bundle, 7)), HasSubstr("repeat 1, until: buffer \"encoded\" has 7 bytes at n = 7, and the number 8"));
}

TEST(Plan, RefusesABundleWithOtherResidentsThanItDeclares) {
  Bundle bundle = video_bundle();
  bundle.pipeline.residents = {{.name = "weights", .file = "", .bytes = 4}};
  EXPECT_THAT(refusal(make_plan(bundle, 4)), HasSubstr("declares 1 residents, and its bundle holds 0"));
  bundle.residents = {{.name = "weights", .data = std::vector<std::byte>(4)}};
  EXPECT_EQ(must(make_plan(bundle, 4)).max_chunk_bytes(), 4U);
  bundle.residents[0].data.resize(5);
  EXPECT_THAT(refusal(make_plan(bundle, 4)), HasSubstr("bundle each declared resident"));
}

TEST(Plan, HandsAnEchoBackWithoutALaunch) {
  Bundle echo;
  echo.pipeline.name = "echo";
  echo.pipeline.buffers = {{"data", "n"}};
  echo.pipeline.inputs = {"data"};
  echo.pipeline.outputs = {{.buffer = "data"}};
  Plan plan = must(make_plan(echo, 64));
  const ChunkPlan& chunk = *plan.chunk(64).value();
  EXPECT_EQ(chunk.inputs.front().buffer, chunk.outputs.front().buffer);
  EXPECT_EQ(chunk.output_bytes, 64U);
  EXPECT_TRUE(plan.chunk(64).value()->launches.empty());
}

}  // namespace
}  // namespace sublet
