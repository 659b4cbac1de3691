#include "common/pipeline/pipeline_yaml.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/common/pipeline/example.hpp"

namespace sublet {
namespace {

using test::refusal;
using test::video_pipeline;
using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::StartsWith;

constexpr std::string_view kVideo = R"(name: video
modules: {video: video.ptx}
parameters: {threshold: 0.1}
buffers: {raw: n, decoded: n * 4, smooth: n * 4, encoded: n}
input: raw
stages:
  - {kernel: decode,  over: n, block: 256, args: [raw, decoded, i32 n]}
  - {kernel: denoise, over: n, block: 256, args: [decoded, smooth, i32 n, f32 threshold]}
  - {kernel: encode,  over: n, block: 256, args: [smooth, encoded, i32 n]}
output: encoded
lanes: 2
time_limit: 60s
)";

/// The video pipeline's text with one part replaced.
std::string with(std::string_view old_part, std::string_view new_part) { return test::replaced(kVideo, old_part, new_part); }

std::string followed_by(std::string_view extra) {
  std::string text(kVideo);
  text += extra;
  return text;
}

std::string refusal_of(std::string_view yaml) { return refusal(parse_pipeline(yaml, "video.yaml")); }

TEST(PipelineYaml, ReadsTheVideoPipeline) { EXPECT_EQ(parse_pipeline(kVideo, "video.yaml"), Result<Pipeline>(video_pipeline())); }

TEST(PipelineYaml, HasDefaults) {
  const auto echo = parse_pipeline("{name: echo, buffers: {data: n}, input: data, output: data}", "echo.yaml");
  ASSERT_TRUE(echo) << to_text(echo.error());
  EXPECT_EQ(echo->lanes, 0U);
  EXPECT_EQ(echo->time_limit_ms, 60'000U);
  EXPECT_TRUE(echo->stages.empty());
  EXPECT_TRUE(echo->outputs[0].bytes.empty());
}

TEST(PipelineYaml, ReadsEveryKeyOfAStage) {
  const auto pipeline =
      parse_pipeline(with("{kernel: decode,  over: n, block: 256, args",
                          "{kernel: decode, module: video, grid: [\"ceil_div(n, 256)\", 2], block: [16, 8, 2], shared_bytes: 4096, args"),
                     "video.yaml");
  ASSERT_TRUE(pipeline) << to_text(pipeline.error());
  const PipelineStage& stage = pipeline->stages[0];
  EXPECT_EQ(stage.module, "video");
  EXPECT_EQ(stage.over, "");
  EXPECT_EQ(stage.grid, (std::array<Expression, 3>{"ceil_div(n, 256)", "2", ""}));
  EXPECT_EQ(stage.block, (std::array<std::uint32_t, 3>{16, 8, 2}));
  EXPECT_EQ(stage.shared_bytes, 4096U);
}

TEST(PipelineYaml, NamesModulesInAListByTheirFiles) {
  const auto pipeline = parse_pipeline(with("{video: video.ptx}", "[parts/video.ptx]"), "video.yaml");
  ASSERT_TRUE(pipeline) << to_text(pipeline.error());
  EXPECT_EQ(pipeline->modules, (std::vector<PipelineModule>{{"video", "parts/video.ptx"}}));
}

TEST(PipelineYaml, ReadsHowMuchOfABufferIsOutput) {
  const auto pipeline = parse_pipeline(with("output: encoded", "output: {buffer: encoded, bytes: n / 2}"), "video.yaml");
  ASSERT_TRUE(pipeline) << to_text(pipeline.error());
  EXPECT_EQ(pipeline->outputs, (std::vector<PipelineOutput>{{.buffer = "encoded", .bytes = "n / 2", .length = "", .each = ""}}));
}

TEST(PipelineYaml, ReadsTimeLimitsInEveryUnit) {
  const auto limit = [](std::string_view text) { return parse_pipeline(with("60s", text), "video.yaml")->time_limit_ms; };
  EXPECT_EQ(limit("1ms"), 1U);
  EXPECT_EQ(limit("90 s"), 90'000U);
  EXPECT_EQ(limit("5min"), 300'000U);
  EXPECT_EQ(limit("1h"), 3'600'000U);
  for (const char* text : {"60", "-1s", "1.5s", "2h", "1 day", "99999999999s", "s", "[1s]"}) {
    EXPECT_THAT(refusal_of(with("60s", text)), AllOf(HasSubstr("line 12"), HasSubstr("1ms to 1h"))) << text;
  }
}

TEST(PipelineYaml, RefusesAnUnknownKeyWithTheNearestAndTheLine) {
  EXPECT_EQ(refusal_of(with("stages:", "stagse:")),
            R"(video.yaml: line 6: a pipeline has the unknown key "stagse"; did you mean "stages"?)");
  EXPECT_THAT(refusal_of(with("{kernel: encode,  over", "{kernel: encode,  ovr")),
              AllOf(HasSubstr("line 9: stage 3"), HasSubstr("did you mean \"over\"?")));
  EXPECT_THAT(refusal_of(with("output: encoded", "output: {bufer: encoded}")), HasSubstr("did you mean \"buffer\"?"));
}

TEST(PipelineYaml, SaysThatACommaInsideBracketsNeedsQuotes) {
  EXPECT_THAT(refusal_of(with("[raw, decoded, i32 n]", "[raw, decoded, i32 min(n, 4)]")),
              AllOf(HasSubstr("\"min(n\" uses min without two arguments"), HasSubstr("quotes")));
}

TEST(PipelineYaml, RefusesAKeyThatStandsTwice) {
  EXPECT_THAT(refusal_of(followed_by("lanes: 3\n")), HasSubstr("line 13: a pipeline has the key \"lanes\" twice (first on line 11)"));
  EXPECT_THAT(refusal_of(with("raw: n,", "raw: n, raw: n,")), HasSubstr("buffers has the key \"raw\" twice"));
}

TEST(PipelineYaml, LeavesTheNumberOfLanesToTheCardWhereItSaysAuto) {
  EXPECT_EQ(parse_pipeline(with("lanes: 2", "lanes: auto"), "video.yaml").value().lanes, 0U);
}

TEST(PipelineYaml, PutsTheFileBeforeWhatValidateFinds) {
  EXPECT_THAT(refusal_of(with("[raw, decoded", "[rwa, decoded")),
              AllOf(StartsWith("video.yaml: stage 1 (kernel \"decode\"), argument 1"), HasSubstr("did you mean \"raw\"?")));
}

TEST(PipelineYaml, RefusesValuesOfTheWrongKind) {
  EXPECT_THAT(refusal_of(with("lanes: 2", "lanes: two")), HasSubstr("lanes is \"two\""));
  EXPECT_THAT(refusal_of(with("lanes: 2", "lanes: 0")), HasSubstr("lanes is 0; write auto, or 1 to 16"));
  EXPECT_THAT(refusal_of(with("lanes: 2", "lanes: [2]")), HasSubstr("line 11: lanes"));
  EXPECT_THAT(refusal_of(with("lanes: 2", "lanes: 4294967297")), HasSubstr("lanes is"));
  EXPECT_THAT(refusal_of(with("threshold: 0.1", "threshold: low")), HasSubstr("parameter \"threshold\" is \"low\""));
  EXPECT_THAT(refusal_of(with("threshold: 0.1", "threshold: .nan")), HasSubstr("threshold"));
  EXPECT_THAT(refusal_of(with("raw: n,", "raw: [n],")), HasSubstr("buffer \"raw\" has no size"));
  EXPECT_THAT(refusal_of(with("raw: n,", "raw: ,")), HasSubstr("buffer \"raw\" has no size"));
  EXPECT_THAT(refusal_of(with("block: 256", "block: [1, 2, 3, 4]")), HasSubstr("up to three"));
  EXPECT_THAT(refusal_of(with("block: 256", "block: big")), HasSubstr("block is \"big\""));
  EXPECT_THAT(refusal_of(with("args: [raw, decoded, i32 n]", "args: raw")), HasSubstr("args should be a list"));
  EXPECT_THAT(refusal_of(with("[raw, decoded, i32 n]", "[raw, [decoded], i32 n]")), HasSubstr("an argument should be"));
  EXPECT_THAT(refusal_of(with("input: raw", "input: {buffer: raw}")), HasSubstr("input should be a single value"));
  EXPECT_THAT(refusal_of(with("input: raw", "input: ")), HasSubstr("input should be a single value"));
  EXPECT_THAT(refusal_of(with("modules: {video: video.ptx}", "modules: video.ptx")), HasSubstr("modules should be a list"));
  EXPECT_THAT(refusal_of(with("kernel: decode,", "")), HasSubstr("stage 1 names no kernel"));
  EXPECT_THAT(refusal_of(with("name: video", "")), HasSubstr("no name"));
  EXPECT_THAT(refusal_of("- a list"), HasSubstr("a pipeline should be a map"));
}

TEST(PipelineYaml, RefusesTextThatIsNoPipeline) {
  EXPECT_THAT(refusal_of(""), HasSubstr("nothing in it"));
  EXPECT_THAT(refusal_of("# only a comment\n"), HasSubstr("nothing in it"));
  EXPECT_THAT(refusal_of("name: [unclosed"), HasSubstr("not YAML"));
  EXPECT_THAT(refusal_of("\xff\xfe\x00\x01"), StartsWith("video.yaml: "));
  EXPECT_THAT(refusal_of("{[a]: b}"), HasSubstr("no plain word"));
}

TEST(PipelineYaml, RefusesAnchorsAliasesTagsAndASecondDocument) {
  EXPECT_THAT(refusal_of(with("input: raw", "input: &a raw")), HasSubstr("line 5: anchors"));
  EXPECT_THAT(refusal_of("a: &a [x]\nb: *a\n"), HasSubstr("anchors"));
  EXPECT_THAT(refusal_of(with("input: raw", "input: !!str raw")), HasSubstr("tag"));
  EXPECT_THAT(refusal_of(followed_by("---\nname: second\n")), HasSubstr("second document"));
}

TEST(PipelineYaml, RefusesTextPastItsBounds) {
  EXPECT_THAT(refusal_of(std::string(65537, '#')), HasSubstr("at most 65536"));
  EXPECT_THAT(refusal_of(std::string(60'000, '[')), HasSubstr("nested more than 8 deep"));
  EXPECT_THAT(refusal_of(std::string(30'000, '-')), StartsWith("video.yaml: "));
  std::string deep;
  for (int i = 0; i < 20'000; ++i) deep += "- ";
  EXPECT_THAT(refusal_of(deep), HasSubstr("nested more than 8 deep"));
  std::string maps;
  for (int i = 0; i < 20'000; ++i) maps += "? ";
  EXPECT_THAT(refusal_of(maps), HasSubstr("nested more than 8 deep"));
  std::string many = "[";
  for (int i = 0; i < 5'000; ++i) many += "x,";
  EXPECT_THAT(refusal_of(many + "]"), HasSubstr("more than 4096 values"));
}

}  // namespace
}  // namespace sublet
