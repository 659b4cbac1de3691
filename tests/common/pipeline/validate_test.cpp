#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "common/pipeline/pipeline.hpp"
#include "tests/common/pipeline/example.hpp"

namespace sublet {
namespace {

using test::refusal;
using test::video_pipeline;
using ::testing::AllOf;
using ::testing::HasSubstr;

/// The refusal of the video pipeline after `change`.
template <class Change>
std::string refusal_after(Change change) {
  Pipeline pipeline = video_pipeline();
  change(pipeline);
  return refusal(validate(pipeline));
}

TEST(Validate, AcceptsTheVideoPipeline) { EXPECT_EQ(validate(video_pipeline()), Result<void>()); }

TEST(Validate, AcceptsAPipelineWithoutStages) {
  Pipeline echo;
  echo.name = "echo";
  echo.buffers = {{"data", "n"}};
  echo.inputs = {"data"};
  echo.outputs = {{.buffer = "data"}};
  EXPECT_EQ(validate(echo), Result<void>());
}

TEST(Validate, NamesTheStageAndTheArgumentWithTheNearestBuffer) {
  EXPECT_THAT(refusal_after([](Pipeline& p) { p.stages[1].args[0].value = "decodd"; }),
              AllOf(HasSubstr("stage 2 (kernel \"denoise\"), argument 1"), HasSubstr("did you mean \"decoded\"?")));
}

TEST(Validate, NamesTheBufferWhoseSizeIsWrong) {
  EXPECT_THAT(refusal_after([](Pipeline& p) { p.buffers[1].bytes = "n / 0"; }),
              AllOf(HasSubstr("buffer \"decoded\""), HasSubstr("divides by zero")));
  EXPECT_THAT(refusal_after([](Pipeline& p) { p.buffers[1].bytes = "m * 4"; }), HasSubstr("unknown name \"m\""));
}

TEST(Validate, SuggestsInputAndOutput) {
  EXPECT_THAT(refusal_after([](Pipeline& p) { p.inputs = {"rwa"}; }), AllOf(HasSubstr("input"), HasSubstr("did you mean \"raw\"?")));
  EXPECT_THAT(refusal_after([](Pipeline& p) { p.outputs = {{.buffer = "encodd"}}; }),
              AllOf(HasSubstr("output"), HasSubstr("did you mean \"encoded\"?")));
  EXPECT_THAT(refusal_after([](Pipeline& p) { p.outputs.clear(); }), HasSubstr("output is missing"));
  EXPECT_THAT(refusal_after([](Pipeline& p) { p.outputs[0].bytes = "n *"; }), HasSubstr("output \"encoded\": expression \"n *\""));
}

TEST(Validate, AsksWhichModuleAKernelIsIn) {
  EXPECT_THAT(refusal_after([](Pipeline& p) { p.modules.push_back({"other", "other.ptx"}); }),
              HasSubstr("say which one with module: video"));
  EXPECT_THAT(refusal_after([](Pipeline& p) { p.stages[0].module = "vidoe"; }), HasSubstr("did you mean \"video\"?"));
  EXPECT_THAT(refusal_after([](Pipeline& p) { p.modules.clear(); }), HasSubstr("no module"));
}

TEST(Validate, RefusesBlocksThatNoCardTakes) {
  EXPECT_EQ(refusal_after([](Pipeline& p) { p.stages[0].block = {1024, 1, 1}; }), "(was not refused)");
  EXPECT_THAT(refusal_after([](Pipeline& p) { p.stages[0].block = {1025, 1, 1}; }), AllOf(HasSubstr("stage 1"), HasSubstr("at most 1024")));
  EXPECT_THAT(refusal_after([](Pipeline& p) { p.stages[0].block = {0, 1, 1}; }), HasSubstr("no threads"));
  const auto with_grid = [](std::array<std::uint32_t, 3> block) {
    return refusal_after([&](Pipeline& p) {
      p.stages[0].over.clear();
      p.stages[0].grid = {"n", "", ""};
      p.stages[0].block = block;
    });
  };
  EXPECT_EQ(with_grid({16, 16, 4}), "(was not refused)");
  EXPECT_THAT(with_grid({32, 32, 2}), HasSubstr("at most 1024"));
  EXPECT_THAT(with_grid({1, 1, 65}), HasSubstr("64 in z"));
  EXPECT_THAT(with_grid({1U << 31U, 1U << 31U, 4}), HasSubstr("at most 1024")) << "a product that wraps is no small one";
}

TEST(Validate, WantsEitherOverOrGrid) {
  EXPECT_THAT(refusal_after([](Pipeline& p) { p.stages[0].grid[0] = "n"; }), HasSubstr("exclude each other"));
  EXPECT_THAT(refusal_after([](Pipeline& p) { p.stages[0].over.clear(); }), HasSubstr("over: n"));
  EXPECT_THAT(refusal_after([](Pipeline& p) { p.stages[0].block = {16, 16, 1}; }), HasSubstr("over counts threads in x only"));
}

TEST(Validate, RefusesAGridThatIsTooLargeAtEveryN) {
  EXPECT_THAT(refusal_after([](Pipeline& p) {
                p.stages[2].over.clear();
                p.stages[2].grid = {"1", "65536", "1"};
              }),
              AllOf(HasSubstr("stage 3"), HasSubstr("65536 blocks in y"), HasSubstr("a card takes 65535")));
}

TEST(Validate, RefusesNamesThatDoNotTravel) {
  EXPECT_THAT(refusal_after([](Pipeline& p) { p.name = "my video"; }), HasSubstr("\"my video\""));
  EXPECT_THAT(refusal_after([](Pipeline& p) { p.name = ""; }), HasSubstr("the pipeline has the name \"\""));
  EXPECT_EQ(refusal_after([](Pipeline& p) { p.name = std::string(64, 'a'); }), "(was not refused)");
  EXPECT_THAT(refusal_after([](Pipeline& p) { p.name = std::string(65, 'a'); }), HasSubstr("1 to 64"));
  EXPECT_THAT(refusal_after([](Pipeline& p) { p.buffers[0].name = std::string("raw\0", 4); }), HasSubstr("\"raw?\""));
  EXPECT_THAT(refusal_after([](Pipeline& p) { p.stages[0].kernel = "de code"; }), HasSubstr("cannot be a kernel's name"));
  EXPECT_EQ(refusal_after([](Pipeline& p) { p.stages[0].kernel = "_Z6decodePKhPfi$1"; }), "(was not refused)");
}

TEST(Validate, RefusesNamesThatMeanSomethingElse) {
  EXPECT_THAT(refusal_after([](Pipeline& p) { p.buffers[0].name = "i32"; }), HasSubstr("named as a type"));
  EXPECT_THAT(refusal_after([](Pipeline& p) { p.parameters[0].name = "n"; }), HasSubstr("a meaning of its own"));
  EXPECT_THAT(refusal_after([](Pipeline& p) { p.parameters[0].name = "a-b"; }), HasSubstr("expressions cannot read"));
  EXPECT_THAT(refusal_after([](Pipeline& p) { p.parameters[0].name = "4th"; }), HasSubstr("a digit not first"));
}

TEST(Validate, RefusesADeclarationMadeTwice) {
  EXPECT_THAT(refusal_after([](Pipeline& p) { p.buffers.push_back({"raw", "n"}); }), HasSubstr("a buffer \"raw\" is declared twice"));
  EXPECT_THAT(refusal_after([](Pipeline& p) { p.modules.push_back({"video", "other.ptx"}); }),
              HasSubstr("a module \"video\" is declared twice"));
}

TEST(Validate, RefusesMoreThanTheLimits) {
  const auto many = [](auto& items, std::size_t count) {
    while (items.size() < count) {
      auto item = items.front();
      item.name = "extra" + std::to_string(items.size());
      items.push_back(item);
    }
  };
  EXPECT_EQ(refusal_after([&](Pipeline& p) { many(p.buffers, 64); }), "(was not refused)");
  EXPECT_THAT(refusal_after([&](Pipeline& p) { many(p.buffers, 65); }), HasSubstr("65 buffers; at most 64"));
  EXPECT_THAT(refusal_after([&](Pipeline& p) { many(p.modules, 17); }), HasSubstr("17 modules; at most 16"));
  EXPECT_THAT(refusal_after([](Pipeline& p) { p.stages.resize(65, p.stages[0]); }), HasSubstr("65 stages; at most 64"));
  EXPECT_EQ(refusal_after([](Pipeline& p) { p.stages[0].args.resize(32, p.stages[0].args[0]); }), "(was not refused)");
  EXPECT_THAT(refusal_after([](Pipeline& p) { p.stages[0].args.resize(33, p.stages[0].args[0]); }), HasSubstr("33 arguments; at most 32"));
  EXPECT_THAT(refusal_after([](Pipeline& p) { p.stages[0].shared_bytes = 1U << 20U; }), HasSubstr("shared memory"));
  EXPECT_EQ(refusal_after([](Pipeline& p) { p.lanes = 0; }), "(was not refused)") << "as many as fit";
  EXPECT_THAT(refusal_after([](Pipeline& p) { p.lanes = 17; }), HasSubstr("17 lanes"));
  EXPECT_THAT(refusal_after([](Pipeline& p) { p.time_limit_ms = 0; }), HasSubstr("1ms to 1h"));
  EXPECT_THAT(refusal_after([](Pipeline& p) { p.time_limit_ms = 3'600'001; }), HasSubstr("1ms to 1h"));
}

TEST(WithParameter, ChangesTheValueAndChecksAgain) {
  EXPECT_EQ(with_parameter(video_pipeline(), "threshold", 0.5)->parameters[0].value, 0.5);
  EXPECT_THAT(refusal(with_parameter(video_pipeline(), "treshold", 0.5)), HasSubstr("did you mean \"threshold\"?"));
  EXPECT_THAT(refusal(with_parameter(video_pipeline(), "threshold", 1e300)), HasSubstr("f32 cannot hold"));
}

}  // namespace
}  // namespace sublet
