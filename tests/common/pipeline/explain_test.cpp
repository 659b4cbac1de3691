#include "common/pipeline/explain.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/common/pipeline/example.hpp"

namespace sublet {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;

TEST(Explain, ShowsStagesBuffersAndWhatTheyTake) {
  const Bundle bundle = {.pipeline = test::video_pipeline(), .modules = {{"video", std::vector<std::byte>(5000)}}};
  EXPECT_EQ(explain(bundle, 1'000'000).value_or("(refused)"), R"(Pipeline video, for a chunk of 1000000 bytes

  stage  kernel   module  grid  block  arguments
      1  decode   video   3907  256    raw, decoded, i32 n = 1000000
      2  denoise  video   3907  256    decoded, smooth, i32 n = 1000000, f32 threshold = 0.1
      3  encode   video   3907  256    smooth, encoded, i32 n = 1000000

  buffer     bytes       VRAM  expression
  raw      1000000  976.8 KiB  n           input
  decoded  4000000    3.8 MiB  n * 4
  smooth   4000000    3.8 MiB  n * 4
  encoded  1000000  976.8 KiB  n           output

  VRAM of a lane     9.5 MiB  all its buffers
  VRAM of a lease   19.1 MiB  2 lanes and modules of 64.0 KiB
  output           1000000 B  copied back per chunk
  time limit            60 s  for a chunk's kernels
)");
}

TEST(Explain, SaysWhichStagesAnEmptyInputSkips) {
  const Bundle bundle = {.pipeline = test::video_pipeline(), .modules = {}};
  EXPECT_THAT(explain(bundle, 0).value_or("(refused)"), AllOf(HasSubstr("decode   video   skipped"), HasSubstr("0 B")));
}

TEST(Explain, ExplainsAPipelineWithoutStages) {
  Bundle echo;
  echo.pipeline.name = "echo";
  echo.pipeline.buffers = {{"data", "n"}};
  echo.pipeline.inputs = {"data"};
  echo.pipeline.outputs = {{.buffer = "data"}};
  EXPECT_THAT(explain(echo, 64).value_or("(refused)"), AllOf(HasSubstr("No stages"), HasSubstr("input, output")));
}

TEST(Explain, SaysWhatIsRequiredAndWhetherItHolds) {
  Bundle bundle = {.pipeline = test::video_pipeline(), .modules = {}};
  bundle.pipeline.require = {{.that = "n > 0", .otherwise = "an empty video"},
                             {.that = "n % 3 == 0", .otherwise = "{n} bytes are no pixels"}};
  EXPECT_THAT(explain(bundle, 4).value_or("(refused)"),
              AllOf(HasSubstr("  required    "), HasSubstr("  n > 0       holds     an empty video\n"),
                    HasSubstr("  n % 3 == 0  does not  4 bytes are no pixels\n"),
                    HasSubstr("\nA chunk of 4 bytes is refused: 4 bytes are no pixels\n")));
  EXPECT_THAT(explain(bundle, 6).value_or("(refused)"), Not(HasSubstr("is refused")));
}

TEST(Explain, SaysWhatIsWrongAtThisLength) {
  const Bundle bundle = {.pipeline = test::video_pipeline(), .modules = {}};
  EXPECT_THAT(test::refusal(explain(bundle, UINT64_C(1) << 31U)), HasSubstr("i32 cannot hold"));
}

}  // namespace
}  // namespace sublet
