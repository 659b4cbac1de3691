// What varies from chunk to chunk beside its length, several inputs, and outputs: as YAML, checked, sized and explained.

#include <array>

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "common/pipeline/compiled.hpp"
#include "common/pipeline/explain.hpp"
#include "common/pipeline/pipeline_yaml.hpp"
#include "tests/common/pipeline/example.hpp"

namespace sublet {
namespace {

using test::refusal;
using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;

constexpr std::string_view kImages = R"(name: images
modules: [images.ptx]
parameters: {width: 640, height: 480, gain: 0.5, shift: 0}
per_chunk: {width: 1..1000, height: 1..500, gain: 0.0..2.0, shift: -100..100}
buffers: {picture: n, mask: n, pixels: width * height * 3, kept: n, count: 4}
inputs: [picture, mask]
stages:
  - {kernel: fill, over: width * height, args: [picture, mask, pixels, kept, count, u32 width, f32 gain, i16 shift, u64 n_mask]}
outputs:
  - pixels
  - {buffer: kept, bytes: n_picture, length: u32 count, each: 4}
)";

Pipeline images() { return *parse_pipeline(kImages, "images.yaml"); }

std::string images_with(std::string_view old_part, std::string_view new_part) {
  return refusal(parse_pipeline(test::replaced(kImages, old_part, new_part), "images.yaml"));
}

TEST(PerChunk, IsReadAsRangesOfParameters) {
  const auto pipeline = parse_pipeline(kImages, "images.yaml");
  ASSERT_TRUE(pipeline) << to_text(pipeline.error());
  EXPECT_EQ(pipeline->parameters[0],
            (PipelineParameter{.name = "width", .value = 640, .variation = Variation::whole, .least = 1, .most = 1000}));
  EXPECT_EQ(pipeline->parameters[2].variation, Variation::real);
  EXPECT_EQ(pipeline->parameters[3].least, -100);
  EXPECT_TRUE(has_header(*pipeline));
  EXPECT_FALSE(has_header(test::video_pipeline()));
}

TEST(PerChunk, SaysWhatIsWrongWithARange) {
  EXPECT_THAT(images_with("width: 1..1000", "widht: 1..1000"), HasSubstr("did you mean \"width\"?"));
  for (const auto* range : {"1", "1..", "..9", "1...x", "a..b", "{}"}) {
    EXPECT_THAT(images_with("width: 1..1000", fmt::format("width: {}", range)), HasSubstr("write the least and the most")) << range;
  }
  EXPECT_THAT(images_with("width: 1..1000", "width: 700..1000"), HasSubstr("let the range hold it"));
  EXPECT_THAT(images_with("gain: 0.0..2.0", "gain: 0..2"), HasSubstr("has a range of whole numbers, and is 0.5"));
  EXPECT_THAT(images_with("shift: -100..100", "shift: -100..40000"), AllOf(HasSubstr("argument 8"), HasSubstr("i16 cannot hold 40000")));
  EXPECT_THAT(images_with("u32 width", "u32 shift"), HasSubstr("u32 cannot hold -100"));
  EXPECT_THAT(images_with("u32 width", "u32 gain"), HasSubstr("may be no whole number"));
  EXPECT_THAT(images_with("kept: n,", "kept: n * gain,"), HasSubstr("is not a whole number from 0 on"));
  EXPECT_THAT(images_with("kept: n,", "kept: n + shift,"), HasSubstr("is not a whole number from 0 on"));
}

TEST(PerChunk, MayBeSetForAllChunksWithinItsRange) {
  const auto set = [](std::string_view name, double value) { return with_parameter(images(), name, value); };
  EXPECT_EQ(set("width", 1000)->parameters[0].value, 1000);
  EXPECT_EQ(set("gain", 0.25)->parameters[2].value, 0.25);
  EXPECT_THAT(refusal(set("width", 1001)),
              HasSubstr("parameter \"width\" cannot be 1001; chunks of pipeline \"images\" may say a whole number from 1 to 1000"));
  EXPECT_THAT(refusal(set("width", 2.5)), HasSubstr("\"width\" cannot be 2.5"));
  EXPECT_THAT(refusal(set("gain", -0.5)), HasSubstr("may say a number from 0 to 2"));
}

TEST(PerChunk, IsWhatExpressionsAndArgumentsSee) {
  const auto compiled = compile(images());
  ASSERT_TRUE(compiled) << to_text(compiled.error());
  const std::array<double, 6> values = {8, 4, 1.5, -7, 100, 20};
  const ChunkValues chunk(120, values);
  EXPECT_EQ(compiled->buffer_bytes(2, chunk), 8U * 4 * 3);
  EXPECT_EQ(compiled->buffer_bytes(2, 120), 640U * 480 * 3) << "as the pipeline says";
  const auto& args = compiled->stages[0].args;
  EXPECT_EQ(args[5].bits(chunk), 8U);
  EXPECT_EQ(args[5].bits(0), 640U);
  EXPECT_EQ(args[6].bits(chunk), 0x3fc00000U);
  EXPECT_EQ(args[7].bits(chunk).value() & 0xffffU, 0xfff9U);
  EXPECT_EQ(args[8].bits(chunk), 20U);
  EXPECT_EQ(compiled->stages[0].grid_at(chunk).value().value()[0], 1U);
  EXPECT_EQ(compiled->output_bytes(compiled->outputs[1], chunk), 100U);
}

TEST(PerChunk, IsSizedForTheLargestThatAChunkMaySay) {
  const auto pipeline = images();
  const std::uint64_t lane = 1'000'192 + 1'000'192 + 1'500'160 + 1'000'192 + 256;
  EXPECT_EQ(lease_bytes(pipeline, 1'000'000, 0_B).value().count, lane);
  EXPECT_EQ(output_room(pipeline, 1000).value() - output_room(pipeline, 0).value(), 1000U) << "of kept";
  EXPECT_GE(output_room(pipeline, 0).value(), 1'500'000U);
}

TEST(PerChunk, IsExplained) {
  const Bundle bundle{.pipeline = images(), .modules = {}, .residents = {}};
  const auto text = explain(bundle, 2000).value_or("(refused)");
  EXPECT_THAT(text, HasSubstr(R"(
  a chunk says  range              here
  width         1 to 1000           640
  height        1 to 500            480
  gain          0 to 2              0.5
  shift         -100 to 100           0
  n_picture     bytes of an input  1000
  n_mask        bytes of an input  1000
)"));
  EXPECT_THAT(text, AllOf(HasSubstr("output as long as count says"), HasSubstr("copied back per chunk at most")));
  EXPECT_THAT(explain({.pipeline = test::video_pipeline(), .modules = {}, .residents = {}}, 10).value(), Not(HasSubstr("a chunk says")));
}

TEST(Inputs, AreBuffersEachOnceAndReadableByExpressions) {
  EXPECT_THAT(images_with("[picture, mask]", "[picture, msk]"), HasSubstr("did you mean \"mask\"?"));
  EXPECT_THAT(images_with("[picture, mask]", "[picture, picture]"), HasSubstr("named twice"));
  EXPECT_THAT(images_with("[picture, mask]", "[]"), HasSubstr("input is missing"));
  EXPECT_THAT(images_with("[picture, mask]", "picture"), HasSubstr("inputs should be a list"));
  EXPECT_THAT(images_with("inputs: [picture, mask]", "input: picture\ninputs: [mask]"), HasSubstr("exclude each other"));
  EXPECT_THAT(images_with("gain: 0.5,", "gain: 0.5, n_mask: 3,"), HasSubstr("has the name of the length"));
  auto pipeline = images();
  pipeline.buffers[1].name = pipeline.inputs[1] = "ma-sk";
  EXPECT_THAT(refusal(validate(pipeline)), HasSubstr("expressions cannot read \"n_ma-sk\""));
  pipeline = images();
  for (int i = 0; i < 5; ++i) {
    pipeline.parameters.push_back({.name = fmt::format("p{}", i), .value = 1, .variation = Variation::whole, .least = 0, .most = 9});
  }
  EXPECT_THAT(refusal(validate(pipeline)), HasSubstr("11 inputs and parameters that a chunk tells of; at most 8"));
}

TEST(OutputsOfAPipeline, AreBuffersEachOnce) {
  EXPECT_EQ(images().outputs[1], (PipelineOutput{.buffer = "kept", .bytes = "n_picture", .length = "u32 count", .each = "4"}));
  EXPECT_THAT(images_with("buffer: kept", "buffer: pixels"), HasSubstr("named twice"));
  EXPECT_THAT(images_with("{buffer: kept, bytes", "{bytes"), HasSubstr("output names no buffer"));
  EXPECT_THAT(images_with("length: u32 count", "length: count"), HasSubstr("write u32 or u64 and a buffer"));
  EXPECT_THAT(images_with("length: u32 count", "length: f32 count"), HasSubstr("write u32 or u64 and a buffer"));
  EXPECT_THAT(images_with("length: u32 count", "length: u32 cuont"), HasSubstr("did you mean \"count\"?"));
  auto pipeline = images();
  pipeline.residents.push_back({.name = "weights", .file = "", .bytes = 4});
  pipeline.outputs[1].length = "u32 weights";
  EXPECT_THAT(refusal(validate(pipeline)), HasSubstr("output \"kept\": length: \"weights\" never changes"));
  EXPECT_THAT(images_with("length: u32 count, each", "each"), HasSubstr("has each but no length"));
  EXPECT_THAT(images_with("each: 4", "each: m"), HasSubstr("unknown name \"m\""));
  EXPECT_THAT(images_with("each: 4", "eech: 4"), HasSubstr("did you mean \"each\"?"));
}

}  // namespace
}  // namespace sublet
