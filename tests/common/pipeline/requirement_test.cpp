#include "common/pipeline/requirement.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "common/pipeline/compiled.hpp"
#include "common/pipeline/pipeline_yaml.hpp"
#include "tests/common/pipeline/example.hpp"

namespace sublet {
namespace {

using test::refusal;
using ::testing::AllOf;
using ::testing::HasSubstr;

const std::vector<PipelineParameter> kSizes = {{"width", 4}, {"height", 3}, {"gain", 0.5}};

bool holds(std::string_view that, std::uint64_t n) {
  const auto compiled = CompiledRequirement::compile({.that = std::string(that), .otherwise = "no"}, kSizes);
  EXPECT_TRUE(compiled) << that << ": " << to_text(compiled.error());
  return compiled && compiled->holds(n).value_or(false);
}

std::string refused(std::string_view that, std::string_view otherwise = "no") {
  return refusal(CompiledRequirement::compile({.that = std::string(that), .otherwise = std::string(otherwise)}, kSizes));
}

std::string words(std::string_view otherwise, std::uint64_t n) {
  const auto compiled = CompiledRequirement::compile({.that = "n == 1", .otherwise = std::string(otherwise)}, kSizes);
  return compiled ? compiled->message(n) : to_text(compiled.error());
}

TEST(Requirement, ComparesTwoExpressions) {
  EXPECT_TRUE(holds("n == width * height", 12));
  EXPECT_FALSE(holds("n == width * height", 13));
  EXPECT_TRUE(holds("n % 4 != 0", 13));
  EXPECT_FALSE(holds("n != 13", 13));
  for (const std::uint64_t n : {11, 12, 13}) {
    EXPECT_EQ(holds("n < 12", n), n < 12);
    EXPECT_EQ(holds("n <= 12", n), n <= 12);
    EXPECT_EQ(holds("n > 12", n), n > 12);
    EXPECT_EQ(holds("n>=12", n), n >= 12);
  }
}

TEST(Requirement, IsOneComparisonAndNothingElse) {
  for (const auto* that : {"n", "", "n = 4", "1 < n < 4", "n === 4", "n !", "n =! 4", "n <> 4"}) {
    EXPECT_THAT(refused(that), HasSubstr("is no comparison; write one of == != < <= > >=")) << that;
  }
  EXPECT_THAT(refused("n == "), HasSubstr("is empty"));
  EXPECT_THAT(refused("n == widht"), HasSubstr("did you mean \"width\"?"));
  EXPECT_THAT(refused("n == gain"), HasSubstr("not a whole number"));
}

TEST(Requirement, SaysWhatIsRightWithNumbersInPlace) {
  EXPECT_EQ(words("{width} x {height} has {width * height} bytes, not {n}", 7), "4 x 3 has 12 bytes, not 7");
  EXPECT_EQ(words("{n}", 7), "7");
  EXPECT_EQ(words("plain }", 7), "plain }");
  EXPECT_EQ(words("{n - 8} left", 7), "? left");
}

TEST(Requirement, NeedsWordsOfOneLine) {
  EXPECT_THAT(refused("n == 1", " "), HasSubstr("else is missing"));
  EXPECT_THAT(refused("n == 1", "two\nlines"), HasSubstr("one line"));
  EXPECT_THAT(refused("n == 1", std::string(257, 'x')), HasSubstr("at most 256 bytes"));
  EXPECT_THAT(refused("n == 1", "open {n"), HasSubstr("{ without its }"));
  EXPECT_THAT(refused("n == 1", "{size}"), AllOf(HasSubstr("else"), HasSubstr("unknown name \"size\"")));
}

TEST(Requirement, ThatHoldsForNoChunkIsThePipelinesFault) {
  EXPECT_THAT(refused("width % 3 == 0", "width is {width}; use a multiple of 3"), HasSubstr("width is 4; use a multiple of 3"));
  EXPECT_TRUE(holds("width % 2 == 0", 0));
}

constexpr std::string_view kYaml = R"(name: image
parameters: {width: 4, height: 3}
buffers: {raw: n}
require:
  - {that: n == width * height, else: "an image has {width * height} bytes, this has {n}"}
  - that: n <= 100
    else: no more than 100 bytes
input: raw
output: raw
)";

std::string refusal_of(std::string text, std::string_view part, std::string_view by) {
  text.replace(text.find(part), part.size(), by);
  return refusal(parse_pipeline(text, "p.yaml"));
}

TEST(Requirement, StandsInAPipelinesFile) {
  const auto pipeline = parse_pipeline(kYaml, "p.yaml");
  ASSERT_TRUE(pipeline) << to_text(pipeline.error());
  ASSERT_EQ(pipeline->require.size(), 2U);
  EXPECT_EQ(pipeline->require[0].that, "n == width * height");
  EXPECT_TRUE(check_length(*pipeline, 12));
  EXPECT_EQ(refusal(check_length(*pipeline, 11), ErrorCode::bad_size), "an image has 12 bytes, this has 11");
  const auto wider = with_parameter(*pipeline, "width", 50);
  ASSERT_TRUE(wider);
  EXPECT_EQ(refusal(check_length(*wider, 150), ErrorCode::bad_size), "no more than 100 bytes");
}

TEST(Requirement, IsRefusedWithItsLineOrItsNumber) {
  const std::string yaml(kYaml);
  EXPECT_THAT(refusal_of(yaml, "    else: no more than 100 bytes\n", ""), AllOf(HasSubstr("line 6"), HasSubstr("has no else")));
  EXPECT_THAT(refusal_of(yaml, "that: n <= 100", "when: n <= 100"), AllOf(HasSubstr("line 6"), HasSubstr("unknown key \"when\"")));
  EXPECT_THAT(refusal_of(yaml, "n <= 100", "n"), HasSubstr("requirement 2: \"n\" is no comparison"));
  EXPECT_THAT(refusal_of(yaml, "\n  - that: n <= 100", "\n  - n <= 100\n  - that: n <= 100"),
              AllOf(HasSubstr("line 6"), HasSubstr("a map")));
  auto pipeline = *parse_pipeline(kYaml, "p.yaml");
  pipeline.require.resize(17, pipeline.require[1]);
  EXPECT_THAT(refusal(validate(pipeline)), HasSubstr("17 requirements; at most 16"));
}

TEST(Requirement, SeesParametersThatAreSetTogether) {
  auto pipeline = *parse_pipeline(kYaml, "p.yaml");
  pipeline.require.push_back({.that = "height <= width", .otherwise = "no portraits"});
  EXPECT_THAT(refusal(with_parameter(pipeline, "height", 9)), HasSubstr("no portraits"));
  const std::vector<PipelineParameter> both = {{"height", 9}, {"width", 16}};
  EXPECT_TRUE(with_parameters(pipeline, both));
}

}  // namespace
}  // namespace sublet
