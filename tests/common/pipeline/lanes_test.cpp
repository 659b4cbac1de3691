#include "common/pipeline/lanes.hpp"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include "tests/common/pipeline/example.hpp"

namespace sublet {
namespace {

constexpr LeaseNeed kNeed{.least = 14_MiB, .further_lane = 10_MiB};

Bytes slice(Bytes free, std::uint32_t sessions, std::uint32_t useful = 4) {
  return slice_for(kNeed, {.free = free, .sessions = sessions, .useful = useful});
}

TEST(Lanes, ALeaseTakesAllThatPayWhereTheCardHasRoom) {
  EXPECT_EQ(slice(80_GiB, 4), 44_MiB);
  EXPECT_EQ(slice(80_GiB, 4, 2), 24_MiB);
}

TEST(Lanes, ALeaseTakesFewerWhereMemoryIsShort) {
  EXPECT_EQ(slice(44_MiB, 1), 44_MiB);
  EXPECT_EQ(slice(43_MiB, 1), 34_MiB);
  EXPECT_EQ(slice(24_MiB, 1), 24_MiB);
  EXPECT_EQ(slice(23_MiB, 1), 14_MiB);
}

TEST(Lanes, ALeaseLeavesTheOtherSessionsOfTheCardTheirPart) {
  EXPECT_EQ(slice(100_MiB, 4), 24_MiB);
  EXPECT_EQ(slice(50_MiB, 4), 14_MiB) << "one lane at least";
}

TEST(Lanes, APipelineThatSaysHowManyGetsThem) {
  const LeaseNeed fixed{.least = 24_MiB, .further_lane = {}};
  EXPECT_EQ(slice_for(fixed, {.free = 80_GiB, .sessions = 1, .useful = 4}), 24_MiB);
  EXPECT_EQ(lanes_in(fixed, 2, 24_MiB), 2U);
  EXPECT_EQ(most_of(fixed, 4), 24_MiB);
}

TEST(Lanes, ASliceHoldsAsManyAsWereCountedForIt) {
  EXPECT_EQ(lanes_in(kNeed, 0, 14_MiB), 1U);
  EXPECT_EQ(lanes_in(kNeed, 0, 43_MiB), 3U);
  EXPECT_EQ(lanes_in(kNeed, 0, 44_MiB), 4U);
  EXPECT_EQ(lanes_in(kNeed, 0, 1_MiB), 1U) << "too small for one: its first buffer says so";
  EXPECT_EQ(lanes_in(kNeed, 0, 80_GiB), PipelineLimits::kLanes);
}

TEST(Lanes, OnACardMorePayThanOnTheCpuDevice) {
  EXPECT_EQ(useful_lanes("cuda"), 4U);
  EXPECT_EQ(useful_lanes("cpu"), 2U);
}

TEST(Lanes, ANeedIsModulesResidentsAndOneLaneOrAsManyAsSaid) {
  Bundle bundle = {.pipeline = test::video_pipeline(), .modules = {{"video", std::vector<std::byte>(5000)}}};
  bundle.pipeline.residents = {{.name = "weights", .file = "", .bytes = 1000}};
  const Bytes shared = 64_KiB + 1024_B;
  EXPECT_EQ(lease_need(bundle, 1000).value(), (LeaseNeed{.least = shared + 20480_B, .further_lane = {}}));
  bundle.pipeline.lanes = 0;
  EXPECT_EQ(lease_need(bundle, 1000).value(), (LeaseNeed{.least = shared + 10240_B, .further_lane = 10240_B}));
}

RC_GTEST_PROP(Lanes, ASliceIsNeverMoreThanTheCardsPartAndHoldsWhatItWasMadeFor, ()) {
  const LeaseNeed need{.least = {*rc::gen::inRange<std::uint64_t>(1, 1U << 30U)},
                       .further_lane = {*rc::gen::inRange<std::uint64_t>(1, 1U << 30U)}};
  const Bytes free = need.least + Bytes{*rc::gen::inRange<std::uint64_t>(0, std::uint64_t{1} << 36U)};
  const auto sessions = *rc::gen::inRange<std::uint32_t>(1, 64);
  const auto useful = *rc::gen::inRange<std::uint32_t>(1, 17);
  const Bytes slice = slice_for(need, {.free = free, .sessions = sessions, .useful = useful});
  RC_ASSERT(slice >= need.least);
  RC_ASSERT(slice == need.least || slice.count <= free.count / sessions);
  const auto lanes = lanes_in(need, 0, slice);
  RC_ASSERT(lanes >= 1 && lanes <= useful);
  RC_ASSERT(need.least.count + (lanes - 1) * need.further_lane.count == slice.count);
}

}  // namespace
}  // namespace sublet
