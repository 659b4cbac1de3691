// Chunks whose stages repeat, and what a session's lanes share, on the CPU device.

#include "gpu-worker/session/lane.hpp"

#include <cstring>

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "common/pipeline/pipeline_yaml.hpp"
#include "gpu-worker/devices/cpu/device.hpp"
#include "tests/support/one_lane.hpp"
#include "tests/support/watched_session.hpp"

namespace sublet::test {
namespace {

using ::testing::HasSubstr;

/// `add` adds the number at `by` to the one at `to`.
constexpr std::string_view kAdd = R"(
.version 7.0
.target sm_75
.address_size 64
.visible .entry add(.param .u64 to, .param .u64 by) {
  .reg .u64 %to, %by;
  .reg .u32 %a, %b;
  ld.param.u64 %to, [to];
  ld.param.u64 %by, [by];
  ld.global.u32 %a, [%to];
  ld.global.u32 %b, [%by];
  add.u32 %a, %a, %b;
  st.global.u32 [%to], %a;
  ret;
}
)";

std::vector<std::byte> bytes_of(std::uint32_t value) {
  std::vector<std::byte> bytes(sizeof(value));
  std::memcpy(bytes.data(), &value, sizeof(value));
  return bytes;
}

std::vector<std::uint32_t> values_of(const Output& output) {
  std::vector<std::uint32_t> values(output.size() / sizeof(std::uint32_t));
  std::memcpy(values.data(), output.data(), values.size() * sizeof(std::uint32_t));
  return values;
}

/// Counts up from the chunk's number by the resident `one`.
Bundle counting(std::string_view stages, std::string_view output = "count") {
  const std::string yaml = fmt::format(R"yaml(name: counting
modules: {{add: add.ptx}}
residents: {{one: one.bin}}
buffers: {{count: "max(n, 4)", looks: 4}}
input: count
output: {}
time_limit: 1h
stages:
{}
)yaml",
                                       output, stages);
  Bundle bundle{.pipeline = must(parse_pipeline(yaml, "counting.yaml")), .modules = {}, .residents = {}};
  bundle.pipeline.residents[0].bytes = 4;
  const auto image = as_view(kAdd);
  bundle.modules = {{.name = "add", .image = {image.begin(), image.end()}}};
  bundle.residents = {{.name = "one", .data = bytes_of(1)}};
  return bundle;
}

class RepeatedChunk : public ::testing::Test {
 protected:
  OneLane lane(std::string_view stages, std::string_view output = "count") { return {device_, counting(stages, output), 4}; }

  WatchedDevice device_{make_cpu_device({})};
};

constexpr std::string_view kOnce = "{kernel: add, over: 1, block: 1, args: [count, one]}";

TEST_F(RepeatedChunk, RunsAsOftenAsItSaysWithOneWait) {
  auto lane = this->lane(fmt::format("  - {0}\n  - {{repeat: {{times: 10000}}, stages: [{0}, {0}]}}\n  - {0}", kOnce));
  EXPECT_EQ(values_of(lane.run(bytes_of(5))).front(), 5U + 20'002);
  EXPECT_EQ(device_.asked().launches, 20'002U);
  EXPECT_EQ(device_.asked().longest_pass, 4096U) << "as many at once as a device is given";
  EXPECT_EQ(device_.asked().syncs, 2U) << "one for the resident, one for the chunk";
  EXPECT_EQ(values_of(lane.run(bytes_of(0))).front(), 20'002U) << "again from the start";
}

TEST_F(RepeatedChunk, EndsWhereItsConditionHoldsWhenItIsLookedAt) {
  auto lane = this->lane(fmt::format("  - {{repeat: {{times: 1000, every: 10, until: u32 count >= 25}}, stages: [{0}]}}\n  - {0}", kOnce));
  EXPECT_EQ(values_of(lane.run(bytes_of(0))).front(), 31U);
  EXPECT_EQ(device_.asked().syncs, 1U + 3 + 1) << "the resident's, three looks, the end";
  EXPECT_EQ(values_of(lane.run(bytes_of(16))).front(), 27U);
  EXPECT_EQ(values_of(lane.run(bytes_of(500))).front(), 511U) << "it is not looked at before it ran";
}

TEST_F(RepeatedChunk, LooksEachTimeWhereNothingElseIsSaid) {
  auto lane = this->lane(fmt::format("  - {{repeat: {{times: 1000, until: u32 count == 7}}, stages: [{}]}}", kOnce));
  EXPECT_EQ(values_of(lane.run(bytes_of(0))).front(), 7U);
}

TEST_F(RepeatedChunk, LooksAtTheEndThoughItIsNoWholeNumberOfLooks) {
  auto lane = this->lane(fmt::format("  - {{repeat: {{times: 25, every: 10, until: u32 count == 25, else: no}}, stages: [{}]}}", kOnce));
  EXPECT_EQ(values_of(lane.run(bytes_of(0))).front(), 25U);
}

TEST_F(RepeatedChunk, RunsItsCheckBeforeEachLookOnly) {
  const std::string stages = fmt::format(
      "  - {{repeat: {{times: 1000, every: 10, until: u32 looks >= 4}}, stages: [{}], check: [{{kernel: add, over: 1, block: 1, args: "
      "[looks, one]}}]}}",
      kOnce);
  EXPECT_EQ(values_of(lane(stages).run(bytes_of(0))).front(), 40U);
  EXPECT_EQ(values_of(lane(stages, "looks").run(bytes_of(0))).front(), 4U);
}

TEST_F(RepeatedChunk, GoesOnWhereNothingIsSaidOfAConditionThatNeverHolds) {
  auto lane = this->lane(fmt::format("  - {{repeat: {{times: 20, every: 10, until: u32 count > 90}}, stages: [{}]}}", kOnce));
  EXPECT_EQ(values_of(lane.run(bytes_of(0))).front(), 20U);
}

TEST_F(RepeatedChunk, FailsAloneWithItsWordsWhereOneIsToHold) {
  auto lane = this->lane(fmt::format(
      "  - {{repeat: {{times: 20, every: 10, until: u32 count > 90, else: \"{{n}} bytes are too few\"}}, stages: [{}]}}", kOnce));
  EXPECT_EQ(refusal_by(lane, bytes_of(0)), "not_converged: repeat 1: 4 bytes are too few");
  EXPECT_EQ(values_of(lane.run(bytes_of(80))).front(), 100U) << "the lane goes on";
}

TEST_F(RepeatedChunk, SkipsARepeatWithNothingToLaunch) {
  auto lane = this->lane(
      "  - {repeat: {times: 1000000, until: u32 count > 90, else: no}, stages: [{kernel: add, over: n, block: 4, args: [count, one]}]}");
  EXPECT_TRUE(values_of(lane.run({})).front() == 0);
  EXPECT_EQ(device_.asked().syncs, 2U);
}

TEST_F(RepeatedChunk, HasOneTimeLimitForAllOfIt) {
  auto bundle = counting(fmt::format("  - {{repeat: {{times: 1000000, until: u32 count == 0}}, stages: [{}]}}", kOnce));
  bundle.pipeline.time_limit_ms = 1;
  OneLane lane(device_, bundle, 4);
  EXPECT_THAT(refusal_by(lane, bytes_of(1)), HasSubstr("kernel_timeout: repeat 1: the chunk's kernels ran longer than 1 ms together"));
}

TEST_F(RepeatedChunk, IsTheSameBesideAnotherOnItsSession) {
  const auto bundle = counting(fmt::format("  - {{repeat: {{times: 1000, every: 10, until: u32 count >= 100}}, stages: [{}]}}", kOnce));
  Plan plan = must(make_plan(bundle, 4));
  const auto session = must(device_.open_session({.slice = must(lease_bytes(bundle, 4))}));
  const auto resources = must(session::Resources::load(*session, bundle));
  session::Traffic traffic;
  struct Flight {
    session::Lane lane;
    std::vector<std::byte> input;
    std::vector<std::byte> output = std::vector<std::byte>(4);
  };
  std::vector<Flight> flights;
  for (const std::uint32_t start : {0U, 33U}) {
    flights.push_back(
        {.lane = must(session::Lane::open(*session, must(session->stream_create()), plan, resources)), .input = bytes_of(start)});
  }
  for (int round = 0; round < 3; ++round) {
    for (Flight& each : flights) must(each.lane.begin(*session, plan, {.input = each.input, .output = each.output}, false, traffic));
    for (Flight& each : flights) EXPECT_EQ(must(each.lane.finish(*session, traffic)), 4U);
    EXPECT_EQ(values_of(flights[0].output).front(), 100U);
    EXPECT_EQ(values_of(flights[1].output).front(), 103U);
  }
}

TEST(Residents, V1_AreUploadedOnceForAThousandChunks) {
  WatchedDevice device(make_cpu_device({}));
  auto bundle = counting(fmt::format("  - {}", kOnce));
  bundle.residents[0].data.resize(1U << 20U);
  bundle.pipeline.residents[0].bytes = 1U << 20U;
  OneLane lane(device, bundle, 4);
  for (std::uint32_t i = 0; i < 1000; ++i) EXPECT_EQ(values_of(lane.run(bytes_of(i))).front(), i + 1);
  EXPECT_EQ(lane.traffic().to_device, (1U << 20U) + 4 * 1000U);
  EXPECT_EQ(lane.traffic().from_device, 4 * 1000U);
}

TEST(Residents, AreRefusedWhereTheBundleHoldsOthers) {
  auto bundle = counting(fmt::format("  - {}", kOnce));
  bundle.residents[0].data.push_back(std::byte{0});
  EXPECT_FALSE(make_plan(bundle, 4)) << "another length";
  bundle.residents.clear();
  const auto plan = make_plan(bundle, 4);
  ASSERT_FALSE(plan);
  EXPECT_THAT(plan.error().detail, HasSubstr("declares 1 residents, and its bundle holds 0"));
}
}  // namespace
}  // namespace sublet::test
