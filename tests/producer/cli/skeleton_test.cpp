#include "producer/cli/skeleton.hpp"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "common/pipeline/argument.hpp"
#include "common/pipeline/explain.hpp"
#include "common/pipeline/pipeline_yaml.hpp"

namespace sublet::cli {
namespace {

using ::testing::HasSubstr;

const KernelParameter kRead{.name = "in", .type = "u64", .bytes = 8, .pointer = true, .read = true, .element_bytes = 1};
const KernelParameter kWritten{.name = "out", .type = "u64", .bytes = 8, .pointer = true, .written = true, .element_bytes = 4};

ModuleReport module_of(std::vector<KernelReport> kernels) { return {.version = "8.0", .target = "sm_75", .kernels = std::move(kernels)}; }

/// The skeleton as a pipeline; a skeleton that is none fails the test.
Pipeline pipeline_of(const ModuleReport& report, std::string_view file = "dir/filter.ptx") {
  const auto text = skeleton_pipeline(report, file, file);
  const auto pipeline = parse_pipeline(text, "skeleton");
  EXPECT_TRUE(pipeline) << to_text(pipeline.error()) << "\n" << text;
  if (!pipeline) return {};
  for (const std::uint64_t n : {0, 1, 1'000'000}) {
    const auto explained = explain({.pipeline = *pipeline, .modules = {}}, n);
    EXPECT_TRUE(explained) << to_text(explained.error()) << "\n" << text;
  }
  return *pipeline;
}

TEST(Skeleton, GivesEachPointerABufferAndEachNumberAParameter) {
  const auto made = pipeline_of(module_of({{.name = "k", .parameters = {kRead, kWritten, {.name = "count", .type = "s32", .bytes = 4}}}}));
  EXPECT_EQ(made.name, "filter");
  EXPECT_EQ(made.modules.at(0).file, "dir/filter.ptx");
  EXPECT_EQ(made.buffers, (std::vector<PipelineBuffer>{{"in", "n"}, {"out", "n * 4"}}));
  EXPECT_EQ(made.parameters, (std::vector<PipelineParameter>{{.name = "count", .value = 0}}));
  EXPECT_EQ(made.inputs, std::vector<std::string>{"in"});
  EXPECT_EQ(made.outputs.at(0).buffer, "out");
  ASSERT_EQ(made.stages.size(), 1U);
  EXPECT_EQ(made.stages[0].over, "n");
  EXPECT_EQ(to_text(made.stages[0].args.at(2)), "i32 count");
}

TEST(Skeleton, HandsAKernelWhatTheOneBeforeWrote) {
  const auto made =
      pipeline_of(module_of({{.name = "first", .parameters = {kRead, kWritten}}, {.name = "second", .parameters = {kRead, kWritten}}}));
  ASSERT_EQ(made.stages.size(), 2U);
  EXPECT_EQ(to_text(made.stages[1].args.at(0)), "out");
  EXPECT_NE(to_text(made.stages[1].args.at(1)), "out");
  EXPECT_EQ(made.outputs.at(0).buffer, to_text(made.stages[1].args.at(1)));
}

TEST(Skeleton, FollowsTheBlockThatAKernelAsksFor) {
  const auto made = pipeline_of(module_of({{.name = "flat", .parameters = {kRead}, .required_threads = {{128, 1, 1}}},
                                           {.name = "square", .parameters = {kRead}, .required_threads = {{16, 8, 1}}},
                                           {.name = "small", .parameters = {kRead}, .maximum_threads = {{64, 1, 1}}}}));
  EXPECT_EQ(made.stages.at(0).block, (std::array<std::uint32_t, 3>{128, 1, 1}));
  EXPECT_EQ(made.stages.at(1).block, (std::array<std::uint32_t, 3>{16, 8, 1}));
  EXPECT_EQ(made.stages.at(2).block, (std::array<std::uint32_t, 3>{64, 1, 1}));
}

TEST(Skeleton, LeavesOutWhatNoPipelineCanPass) {
  const auto report = module_of({{.name = "k", .parameters = {kRead, {.name = "box", .type = "b8[24]", .bytes = 24}}}});
  EXPECT_TRUE(pipeline_of(report).stages.empty());
  EXPECT_THAT(skeleton_pipeline(report, "a.ptx", "a.ptx"), HasSubstr("# Left out: kernel k, whose parameter box has 24 bytes"));
}

TEST(Skeleton, IsAPipelineWhateverThingsAreCalled) {
  std::vector<KernelReport> kernels;
  for (const auto* name : {"n", "min", "u64", "buffer", "data", "$weird", "_", "in", "in"}) {
    auto each = kRead;
    each.name = name;
    auto number = KernelParameter{.name = name, .type = "f32", .bytes = 4};
    kernels.push_back({.name = "$k_%1", .parameters = {each, number, {.name = std::string(200, 'x'), .type = "b16", .bytes = 2}}});
  }
  for (const auto* file : {"filter.ptx", "a \"b\"\\c\n.ptx", "é.ptx", ".ptx", "x/y.z/1.2.ptx"}) pipeline_of(module_of(kernels), file);
}

TEST(Skeleton, StaysWithinTheBoundsOfAPipeline) {
  const std::vector<KernelParameter> many(33, kRead);
  EXPECT_TRUE(pipeline_of(module_of({{.name = "k", .parameters = many}})).stages.empty());
  const std::vector<KernelReport> kernels(100, {.name = "k", .parameters = {kRead, {.name = "x", .type = "u8", .bytes = 1}}});
  EXPECT_EQ(pipeline_of(module_of(kernels)).stages.size(), 64U);
  EXPECT_TRUE(pipeline_of(module_of({})).stages.empty());
}

TEST(KernelReport, IsReadFromTheSessionsAnswer) {
  const auto report = parse_report(
      R"({"version":"8.0","target":"sm_75","kernels":[{"name":"k","parameters":[{"name":"p","type":"u64","bytes":8,"pointer":true,"read":true,)"
      R"("written":false,"element_bytes":4}],"shared_bytes":16,"registers":{"b32":7},"required_threads":[8,1,1],"maximum_threads":null}],)"
      R"("refused":[{"what":"opcode x","kernel":"k","line":3,"source":"f.cu:7"},{"what":"opcode y","kernel":"","line":412,"source":""}],"refused_total":2})");
  ASSERT_TRUE(report) << to_text(report.error());
  EXPECT_EQ(report->kernels.at(0).parameters.at(0).element_bytes, 4U);
  EXPECT_EQ(report->kernels[0].required_threads, (std::array<std::uint32_t, 3>{8, 1, 1}));
  EXPECT_EQ(report->kernels[0].maximum_threads, std::nullopt);
  const auto text = report_text(*report, "f.ptx", 80);
  EXPECT_THAT(text, HasSubstr("opcode x"));
  EXPECT_THAT(text, HasSubstr("7 b32"));
  EXPECT_THAT(text, HasSubstr("f.cu:7"));
  EXPECT_THAT(text, HasSubstr("412"));
  const auto json = report_json(*report, "f.ptx");
  EXPECT_EQ(json["refused"][0]["source"], "f.cu:7");
  EXPECT_TRUE(json["refused"][1]["source"].is_null());
}

TEST(KernelReport, NamesAnAnswerThatIsNone) {
  for (const auto* answer : {"", "[]", "{\"version\":1}", R"({"error":{"name":"no such","detail":""}})"}) {
    const auto report = parse_report(answer);
    ASSERT_FALSE(report) << answer;
    EXPECT_EQ(report.error().code, ErrorCode::protocol_error) << answer;
  }
  const auto refused = parse_report(R"({"error":{"name":"load_failed","detail":"line 3: no"}})");
  EXPECT_EQ(refused.error().code, ErrorCode::load_failed);
}

}  // namespace
}  // namespace sublet::cli
