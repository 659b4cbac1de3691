#pragma once

// What lanes do on every device: chunks whose stages repeat, residents, chunks that say more than their length. A kind of device includes
// this in one test program and instantiates `LaneSuite` with itself.

#include <csignal>
#include <cstdio>
#include <cstring>
#include <fstream>
#include <optional>
#include <thread>

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "common/pipeline/pipeline_yaml.hpp"
#include "common/wire/chunk_header.hpp"
#include "gpu-worker/session/lane.hpp"
#include "tests/conformance/device_under_test.hpp"
#include "tests/support/one_lane.hpp"
#include "tests/support/watched_session.hpp"

namespace sublet::conformance {

using test::must;
using test::OneLane;
using test::Output;
using test::refusal_by;
using test::WatchedDevice;
using ::testing::HasSubstr;

/// `add` adds the number at `by` to the one at `to`; `set` leaves its value there.
inline constexpr std::string_view kAdd = R"(
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
.visible .entry set(.param .u64 to, .param .u32 value) {
  .reg .u64 %to;
  .reg .u32 %a;
  ld.param.u64 %to, [to];
  ld.param.u32 %a, [value];
  st.global.u32 [%to], %a;
  ret;
}
)";

inline std::vector<std::byte> bytes_of(std::uint32_t value) {
  std::vector<std::byte> bytes(sizeof(value));
  std::memcpy(bytes.data(), &value, sizeof(value));
  return bytes;
}

inline std::vector<std::uint32_t> values_of(const Output& output) {
  std::vector<std::uint32_t> values(output.size() / sizeof(std::uint32_t));
  if (!values.empty()) std::memcpy(values.data(), output.data(), values.size() * sizeof(std::uint32_t));
  return values;
}

/// Counts up from the chunk's number by the resident `one`.
inline Bundle counting(std::string_view stages, std::string_view output = "count") {
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

class LaneSuite : public ::testing::TestWithParam<DeviceUnderTest> {
 protected:
  void SetUp() override {
    auto device = GetParam().make();
    if (device == nullptr) {
      GTEST_SKIP() << "this host has no such device";
    }
    device_.emplace(std::move(device));
    // As in a session process: a command may end without having read all.
    std::signal(SIGPIPE, SIG_IGN);
  }

  OneLane lane(const Bundle& bundle, std::uint64_t max_chunk_bytes = 64) { return {*device_, bundle, max_chunk_bytes}; }
  OneLane counting_lane(std::string_view stages, std::string_view output = "count") { return lane(counting(stages, output), 4); }

  std::optional<WatchedDevice> device_;
};

inline constexpr std::string_view kOnce = "{kernel: add, over: 1, block: 1, args: [count, one]}";

TEST_P(LaneSuite, ARepeatRunsAsOftenAsItSaysWithOneWait) {
  auto lane = counting_lane(fmt::format("  - {0}\n  - {{repeat: {{times: 10000}}, stages: [{0}, {0}]}}\n  - {0}", kOnce));
  EXPECT_EQ(values_of(lane.run(bytes_of(5))).front(), 5U + 20'002);
  EXPECT_EQ(device_->asked().launches, 20'002U);
  EXPECT_EQ(device_->asked().longest_pass, 4096U) << "as many at once as a device is given";
  EXPECT_EQ(device_->asked().syncs, 2U) << "one for the resident, one for the chunk";
  EXPECT_EQ(values_of(lane.run(bytes_of(0))).front(), 20'002U) << "again from the start";
}

TEST_P(LaneSuite, ARepeatEndsWhereItsConditionHoldsWhenItIsLookedAt) {
  auto lane =
      counting_lane(fmt::format("  - {{repeat: {{times: 1000, every: 10, until: u32 count >= 25}}, stages: [{0}]}}\n  - {0}", kOnce));
  EXPECT_EQ(values_of(lane.run(bytes_of(0))).front(), 31U);
  EXPECT_EQ(device_->asked().syncs, 1U + 3 + 1) << "the resident's, three looks, the end";
  EXPECT_EQ(values_of(lane.run(bytes_of(16))).front(), 27U);
  EXPECT_EQ(values_of(lane.run(bytes_of(500))).front(), 511U) << "it is not looked at before it ran";
}

TEST_P(LaneSuite, ARepeatLooksEachTimeWhereNothingElseIsSaid) {
  auto lane = counting_lane(fmt::format("  - {{repeat: {{times: 1000, until: u32 count == 7}}, stages: [{}]}}", kOnce));
  EXPECT_EQ(values_of(lane.run(bytes_of(0))).front(), 7U);
}

TEST_P(LaneSuite, ARepeatLooksAtTheEndThoughItIsNoWholeNumberOfLooks) {
  auto lane = counting_lane(fmt::format("  - {{repeat: {{times: 25, every: 10, until: u32 count == 25, else: no}}, stages: [{}]}}", kOnce));
  EXPECT_EQ(values_of(lane.run(bytes_of(0))).front(), 25U);
}

TEST_P(LaneSuite, ARepeatRunsItsCheckBeforeEachLookOnly) {
  const std::string stages = fmt::format(
      "  - {{repeat: {{times: 1000, every: 10, until: u32 looks >= 4}}, stages: [{}], check: [{{kernel: add, over: 1, block: 1, args: "
      "[looks, one]}}]}}",
      kOnce);
  EXPECT_EQ(values_of(counting_lane(stages).run(bytes_of(0))).front(), 40U);
  EXPECT_EQ(values_of(counting_lane(stages, "looks").run(bytes_of(0))).front(), 4U);
}

TEST_P(LaneSuite, ARepeatGoesOnWhereNothingIsSaidOfAConditionThatNeverHolds) {
  auto lane = counting_lane(fmt::format("  - {{repeat: {{times: 20, every: 10, until: u32 count > 90}}, stages: [{}]}}", kOnce));
  EXPECT_EQ(values_of(lane.run(bytes_of(0))).front(), 20U);
}

TEST_P(LaneSuite, V3_AChunkWhoseConditionNeverHoldsFailsAlone) {
  auto lane = counting_lane(fmt::format(
      "  - {{repeat: {{times: 20, every: 10, until: u32 count > 90, else: \"{{n}} bytes are too few\"}}, stages: [{}]}}", kOnce));
  EXPECT_EQ(refusal_by(lane, bytes_of(0)), "not_converged: repeat 1: 4 bytes are too few");
  EXPECT_EQ(values_of(lane.run(bytes_of(80))).front(), 100U) << "the lane goes on";
}

TEST_P(LaneSuite, ARepeatWithNothingToLaunchIsSkipped) {
  auto lane = counting_lane(
      "  - {repeat: {times: 1000000, until: u32 count > 90, else: no}, stages: [{kernel: add, over: n, block: 4, args: [count, one]}]}");
  EXPECT_TRUE(values_of(lane.run({})).front() == 0);
  EXPECT_EQ(device_->asked().syncs, 2U);
}

TEST_P(LaneSuite, AChunkHasOneTimeLimitForAllItsRepeats) {
  auto bundle = counting(fmt::format("  - {{repeat: {{times: 1000000, until: u32 count == 0}}, stages: [{}]}}", kOnce));
  bundle.pipeline.time_limit_ms = 1;
  auto lane = this->lane(bundle, 4);
  EXPECT_THAT(refusal_by(lane, bytes_of(1)), HasSubstr("kernel_timeout"));
}

TEST_P(LaneSuite, ChunksThatRepeatRunBesideEachOther) {
  const auto bundle = counting(fmt::format("  - {{repeat: {{times: 1000, every: 10, until: u32 count >= 100}}, stages: [{}]}}", kOnce));
  Plan plan = must(make_plan(bundle, 4));
  const auto session = must(device_->open_session({.slice = must(lease_bytes(bundle, 4))}));
  const auto resources = must(session::Resources::load(*session, bundle, session::HostFunctions()));
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
    for (Flight& each : flights) EXPECT_EQ(must(each.lane.finish(*session, plan, traffic)), 4U);
    EXPECT_EQ(values_of(flights[0].output).front(), 100U);
    EXPECT_EQ(values_of(flights[1].output).front(), 103U);
  }
}

/// A pipeline with the module of `add` and `set`.
inline Bundle bundle_of(const std::string& yaml) {
  Bundle bundle{.pipeline = must(parse_pipeline("name: a\nmodules: [add.ptx]\n" + yaml, "a.yaml")), .modules = {}, .residents = {}};
  const auto image = as_view(kAdd);
  bundle.modules = {{.name = "add", .image = {image.begin(), image.end()}}};
  return bundle;
}

struct Chunk {
  std::vector<wire::NamedNumber> parameters;
  std::vector<std::pair<std::string_view, std::vector<std::uint32_t>>> inputs;
};

inline std::vector<std::byte> payload_of(const Chunk& chunk) {
  std::vector<wire::NamedData> data;
  for (const auto& [name, values] : chunk.inputs) data.emplace_back(name, std::as_bytes(std::span(values)));
  return wire::make_chunk(chunk.parameters, data);
}

inline std::vector<std::pair<std::string, std::vector<std::uint32_t>>> outputs_of(const Output& output) {
  std::vector<std::pair<std::string, std::vector<std::uint32_t>>> all;
  for (const auto& [name, data] : must(wire::split_outputs(output))) all.emplace_back(name, values_of({data.begin(), data.end()}));
  return all;
}

TEST_P(LaneSuite, AChunkHasItsOwnSizesAndArguments) {
  auto lane = this->lane(bundle_of(R"(parameters: {width: 2, value: 1}
per_chunk: {width: 1..100, value: -9..9}
buffers: {data: n, out: width * 4}
input: data
stages: [{kernel: set, over: 1, block: 1, args: [out, i32 value]}, {kernel: add, over: 1, block: 1, args: [out, data]}]
output: out
)"),
                         64);
  EXPECT_EQ(values_of(lane.run(payload_of({.parameters = {}, .inputs = {{"data", {10}}}}))).size(), 2U);
  const auto wide = values_of(lane.run(payload_of({.parameters = {{"width", 100}, {"value", -3}}, .inputs = {{"data", {10}}}})));
  EXPECT_EQ(wide.size(), 100U);
  EXPECT_EQ(wide.front(), 7U);
  // The same length with another header is another chunk.
  EXPECT_EQ(values_of(lane.run(payload_of({.parameters = {{"width", 1}}, .inputs = {{"data", {10}}}}))), std::vector<std::uint32_t>{11});
  EXPECT_EQ(refusal_by(lane, payload_of({.parameters = {{"width", 101}}, .inputs = {{"data", {10}}}})),
            "bad_parameter: \"width\" is not a whole number from 1 to 100");
  EXPECT_EQ(values_of(lane.run(payload_of({.parameters = {}, .inputs = {{"data", {5}}}}))).front(), 6U) << "the lane goes on";
}

TEST_P(LaneSuite, V7_ThreeModulesShareOneSetOfBuffers) {
  Bundle bundle{.pipeline = must(parse_pipeline(R"(name: a
modules: [first.ptx, second.ptx, third.ptx]
buffers: {data: n}
input: data
stages:
  - {kernel: step, module: first, over: 1, block: 1, args: [data]}
  - {kernel: step, module: second, over: 1, block: 1, args: [data]}
  - {kernel: step, module: third, over: 1, block: 1, args: [data]}
output: data
)",
                                                "a.yaml")),
                .modules = {},
                .residents = {}};
  for (int digit = 1; digit <= 3; ++digit) {
    // Each has a kernel of that name: it appends a digit of its own.
    const auto text = fmt::format(
        ".version 7.0\n.target sm_75\n.address_size 64\n.visible .entry step(.param .u64 to) {{\n.reg .u64 %to; .reg .u32 %a;\n"
        "ld.param.u64 %to, [to];\nld.global.u32 %a, [%to];\nmad.lo.u32 %a, %a, 10, {};\nst.global.u32 [%to], %a;\nret;\n}}\n",
        digit);
    const auto image = as_view(text);
    bundle.modules.push_back(
        {.name = bundle.pipeline.modules[static_cast<std::size_t>(digit) - 1].name, .image = {image.begin(), image.end()}});
  }
  auto lane = this->lane(bundle, 64);
  EXPECT_EQ(values_of(lane.run(bytes_of(0))), std::vector<std::uint32_t>{123});
  EXPECT_EQ(values_of(lane.run(bytes_of(7))), std::vector<std::uint32_t>{7123});
  EXPECT_EQ(lane.traffic().to_device, 2 * 4U) << "what lies between them never leaves the device";
}

TEST_P(LaneSuite, AChunkHasSeveralInputsAndOutputs) {
  auto lane = this->lane(bundle_of(R"(buffers: {left: n, right: n, sum: 4}
inputs: [left, right]
stages: [{kernel: set, over: 1, block: 1, args: [sum, u32 n_right]}, {kernel: add, over: 1, block: 1, args: [sum, left]}, {kernel: add, over: 1, block: 1, args: [sum, right]}]
outputs: [sum, {buffer: right, bytes: n_right}, {buffer: left, bytes: 0}]
)"),
                         64);
  for (const std::uint32_t one : {1U, 5U}) {
    const auto output = outputs_of(lane.run(payload_of({.parameters = {}, .inputs = {{"left", {one, 2}}, {"right", {30, 40, 50}}}})));
    ASSERT_EQ(output.size(), 3U);
    EXPECT_EQ(output[0], std::pair(std::string("sum"), std::vector<std::uint32_t>{12 + one + 30}));
    EXPECT_EQ(output[1], std::pair(std::string("right"), std::vector<std::uint32_t>{30, 40, 50}));
    EXPECT_TRUE(output[2].second.empty());
  }
  EXPECT_EQ(lane.traffic().to_device, 2 * 20U);
  EXPECT_EQ(lane.traffic().from_device, 2 * 16U);
}

TEST_P(LaneSuite, AChunkTakesAnInputThatIsEmpty) {
  auto lane = this->lane(bundle_of("buffers: {left: n, right: n}\ninputs: [left, right]\noutput: {buffer: right, bytes: n_right}\n"), 64);
  EXPECT_EQ(values_of(lane.run(payload_of({.parameters = {}, .inputs = {{"left", {}}, {"right", {7}}}}))), std::vector<std::uint32_t>{7});
  EXPECT_TRUE(lane.run(payload_of({.parameters = {}, .inputs = {{"left", {7}}, {"right", {}}}})).empty());
}

TEST_P(LaneSuite, AnOutputIsAsLongAsTheKernelsSay) {
  auto lane = this->lane(bundle_of(R"(buffers: {data: n, count: 8}
input: data
stages: [{kernel: set, over: 1, block: 1, args: [count, u32 0]}, {kernel: add, over: 1, block: 1, args: [count, data]}]
output: {buffer: data, length: u32 count, each: 4}
)"),
                         64);
  const auto run = [&](std::vector<std::uint32_t> values) { return values_of(lane.run(std::as_bytes(std::span(values)))); };
  EXPECT_EQ(run({2, 11, 12, 13}), (std::vector<std::uint32_t>{2, 11}));
  EXPECT_EQ(run({0, 11, 12, 13}), std::vector<std::uint32_t>{});
  EXPECT_EQ(run({4, 11, 12, 13}), (std::vector<std::uint32_t>{4, 11, 12, 13}));
  EXPECT_EQ(lane.traffic().from_device, (4 + 8) + (4 + 0) + (4 + 16)) << "no more than what is wanted";
  const std::vector<std::uint32_t> more = {5, 11, 12, 13};
  EXPECT_EQ(
      refusal_by(lane, std::as_bytes(std::span(more))),
      "output_too_large: output \"data\": the kernels say 5 of 4 bytes each, and there is room for 16 bytes; raise its bytes, or keep "
      "within them");
  EXPECT_EQ(run({1, 11}), std::vector<std::uint32_t>{1}) << "the lane goes on";
}

TEST_P(LaneSuite, AMeasuredOutputStandsBesideOthers) {
  auto lane = this->lane(bundle_of(R"(buffers: {data: n, count: 8}
input: data
stages: [{kernel: set, over: 1, block: 1, args: [count, u32 8]}]
outputs: [{buffer: data, length: u64 count}, {buffer: count, bytes: 4}]
)"),
                         64);
  const std::vector<std::uint32_t> values = {21, 22, 23};
  const auto output = outputs_of(lane.run(std::as_bytes(std::span(values))));
  ASSERT_EQ(output.size(), 2U);
  EXPECT_EQ(output[0].second, (std::vector<std::uint32_t>{21, 22}));
  EXPECT_EQ(output[1].second, std::vector<std::uint32_t>{8});
}

inline session::HostFunctions functions_with(std::string_view rule) {
  session::HostFunctions functions;
  must(functions.add_command(rule));
  return functions;
}

TEST_P(LaneSuite, V4_AHostStageRunsBetweenStagesOfTheDevice) {
  const auto bundle = bundle_of(R"(buffers: {data: n, text: n, back: 64}
input: data
stages:
  - {kernel: add, over: 1, block: 1, args: [data, data]}
  - {host: doubled, from: data, bytes: n, to: back}
  - {kernel: add, over: 1, block: 1, args: [back, data]}
output: {buffer: back, bytes: 8}
)");
  OneLane lane(*device_, bundle, 64, functions_with("doubled=cat; printf abcd"));
  for (const std::uint32_t value : {3U, 5U}) {
    // What the host got, plus the device's again; and what the host added.
    const auto output = values_of(lane.run(bytes_of(value)));
    EXPECT_EQ(output, (std::vector<std::uint32_t>{2 * value + 2 * value, 0x64636261}));
  }
}

TEST_P(LaneSuite, V4_AHostStageIsToldValuesAndSaysWhatTheChunkIs) {
  const auto bundle = bundle_of(R"(parameters: {width: 1, wide: 7}
per_chunk: {width: 1..100}
buffers: {data: n, back: 400, count: 8, sum: 4}
input: data
stages:
  - {host: measure, from: data, to: back, length: count, values: {times: wide}, sets: [width]}
  - {kernel: set, over: 1, block: 1, args: [sum, u32 width]}
outputs: [sum, {buffer: back, bytes: width * 4, length: u64 count}]
)");
  OneLane lane(*device_, bundle, 64, functions_with("measure=printf '#sublet width=%d other=1\\n%s' {times} 0123456789ab"));
  const auto output = outputs_of(lane.run(payload_of({.parameters = {{"width", 99}}, .inputs = {{"data", {1, 2}}}})));
  ASSERT_EQ(output.size(), 2U);
  EXPECT_EQ(output[0].second, std::vector<std::uint32_t>{7}) << "as the host says, not the chunk";
  EXPECT_EQ(output[1].second, (std::vector<std::uint32_t>{0x33323130, 0x37363534, 0x62613938}));
}

TEST_P(LaneSuite, AHostStageFailsItsChunkAlone) {
  const auto bundle = bundle_of(R"(parameters: {width: 1}
per_chunk: {width: 1..9}
buffers: {data: n, back: 256}
input: data
stages: [{host: run, from: data, bytes: n, to: back, sets: [width]}]
output: {buffer: back, bytes: 1}
)");
  const auto chunk = payload_of({.parameters = {}, .inputs = {{"data", {1}}}});
  const auto refused = [&](const std::string& command) {
    OneLane lane(*device_, bundle, 64, functions_with("run=" + command));
    const auto text = refusal_by(lane, chunk);
    EXPECT_EQ(refusal_by(lane, chunk), text) << "the lane goes on";
    return text;
  };
  EXPECT_THAT(refused("exit 3"), HasSubstr("host_stage_failed: host stage 1 (run): the command ended with code 3"));
  EXPECT_THAT(refused("kill -9 $$"), HasSubstr("ended with signal 9"));
  EXPECT_THAT(refused("printf '#sublet width=10\\n'"),
              HasSubstr("bad_parameter: host stage 1 (run): \"width\" is 10, and not from 1 to 9"));
  EXPECT_THAT(refused("printf '#sublet width=2.5\\n'"), HasSubstr("is 2.5"));
  EXPECT_THAT(refused("printf '#sublet width=x\\n'"), HasSubstr("write name=number"));
  EXPECT_THAT(refused("printf abc"), HasSubstr("it does not say what \"width\" is"));
  EXPECT_THAT(refused("printf '#sublet width=1\\n'; head -c 257 /dev/zero"),
              HasSubstr("output_too_large: host stage 1 (run): the command gave more"));
  EXPECT_THAT(refused("cat /dev/zero"), HasSubstr("output_too_large"));
}

/// Whether it is there, and not merely waits to be reaped.
inline bool runs(pid_t process) {
  std::ifstream stat(fmt::format("/proc/{}/stat", process));
  std::string text;
  std::getline(stat, text);
  const auto state = text.rfind(") ");
  return state != std::string::npos && text[state + 2] != 'Z';
}

TEST_P(LaneSuite, ACommandThatNeverEndsIsKilledWithAllThatItStarted) {
  auto bundle = bundle_of(R"(buffers: {data: n, back: 256}
input: data
stages: [{host: wait, from: data, bytes: n, to: back}]
output: {buffer: back, bytes: 1}
)");
  bundle.pipeline.time_limit_ms = 200;
  const auto file = std::string(::testing::TempDir()) + fmt::format("sublet-lane-{}", ::getpid());
  OneLane lane(*device_, bundle, 64, functions_with(fmt::format("wait=sleep 1000 & echo $! > {}; wait", file)));
  EXPECT_THAT(refusal_by(lane, bytes_of(1)), HasSubstr("host_stage_failed: host stage 1 (wait): the command ran past"));
  pid_t sleeper = 0;
  std::ifstream(file) >> sleeper;
  ASSERT_GT(sleeper, 0);
  while (runs(sleeper)) std::this_thread::yield();
  std::remove(file.c_str());
}

TEST_P(LaneSuite, ACommandThatClosesItsStdoutIsHeldToItsTimeLimitToo) {
  auto bundle = bundle_of(R"(buffers: {data: n, back: 256}
input: data
stages: [{host: wait, from: data, bytes: n, to: back}]
output: {buffer: back, bytes: 1}
)");
  bundle.pipeline.time_limit_ms = 200;
  OneLane lane(*device_, bundle, 64, functions_with("wait=exec 1>&-; sleep 1000"));
  EXPECT_THAT(refusal_by(lane, bytes_of(1)), HasSubstr("host_stage_failed: host stage 1 (wait): the command ran past"));
}

TEST_P(LaneSuite, AFunctionThatIsNotThereIsNamedWhenTheSessionStarts) {
  const auto bundle = bundle_of("buffers: {a: n, b: n}\ninput: a\nstages: [{host: decode_pictur, from: a, to: b}]\noutput: b\n");
  const auto session = must(device_->open_session({.slice = 1_MiB}));
  const auto loaded = session::Resources::load(*session, bundle, session::HostFunctions());
  ASSERT_FALSE(loaded);
  EXPECT_EQ(loaded.error().code, ErrorCode::load_failed);
  EXPECT_THAT(loaded.error().detail, HasSubstr("did you mean \"decode_picture\"?"));
}

TEST_P(LaneSuite, V1_ResidentsAreUploadedOnceForAThousandChunks) {
  auto bundle = counting(fmt::format("  - {}", kOnce));
  bundle.residents[0].data.resize(1U << 20U);
  bundle.pipeline.residents[0].bytes = 1U << 20U;
  auto lane = this->lane(bundle, 4);
  for (std::uint32_t i = 0; i < 1000; ++i) EXPECT_EQ(values_of(lane.run(bytes_of(i))).front(), i + 1);
  EXPECT_EQ(lane.traffic().to_device, (1U << 20U) + 4 * 1000U);
  EXPECT_EQ(lane.traffic().from_device, 4 * 1000U);
}

}  // namespace sublet::conformance
