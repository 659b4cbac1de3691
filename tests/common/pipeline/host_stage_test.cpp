// Stages of the host: as YAML, checked, and explained.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "common/pipeline/explain.hpp"
#include "common/pipeline/pipeline_yaml.hpp"
#include "tests/common/pipeline/example.hpp"

namespace sublet {
namespace {

using test::refusal;
using ::testing::HasSubstr;

constexpr std::string_view kPhotos = R"(name: photos
modules: [photos.ptx]
parameters: {width: 1, fixed: 3}
per_chunk: {width: 1..100}
buffers: {file: n, pixels: 300, out: 600, count: 8}
input: file
stages:
  - {host: decode_picture, from: file, bytes: n, to: pixels, sets: [width]}
  - {kernel: first, over: width, args: [pixels]}
  - repeat: {times: 3}
    stages: [{kernel: second, over: width, args: [pixels]}, {kernel: third, over: width, args: [pixels]}]
  - {host: encode_picture, from: pixels, to: out, length: count, values: {width: width, top: n + 1}}
output: {buffer: out, length: u64 count}
)";

std::string refused_photos(std::string_view old_part, std::string_view new_part) {
  return refusal(parse_pipeline(test::replaced(kPhotos, old_part, new_part), "photos.yaml"));
}

template <class Change>
std::string refused_change(Change change) {
  Pipeline pipeline = *parse_pipeline(kPhotos, "photos.yaml");
  change(pipeline.host_stages);
  return refusal(validate(pipeline));
}

TEST(HostStage, IsReadWithItsPlaceAmongTheStages) {
  const auto pipeline = parse_pipeline(kPhotos, "photos.yaml");
  ASSERT_TRUE(pipeline) << to_text(pipeline.error());
  EXPECT_EQ(pipeline->host_stages, (std::vector<PipelineHostStage>{{.before = 0,
                                                                    .function = "decode_picture",
                                                                    .from = "file",
                                                                    .bytes = "n",
                                                                    .to = "pixels",
                                                                    .length = "",
                                                                    .values = {},
                                                                    .sets = {"width"}},
                                                                   {.before = 3,
                                                                    .function = "encode_picture",
                                                                    .from = "pixels",
                                                                    .bytes = "",
                                                                    .to = "out",
                                                                    .length = "count",
                                                                    .values = {{"width", "width"}, {"top", "n + 1"}},
                                                                    .sets = {}}}));
}

TEST(HostStage, SaysWhatIsWrongWithIt) {
  EXPECT_THAT(refused_photos("from: file", "from: fiel"), HasSubstr("did you mean \"file\"?"));
  EXPECT_THAT(refused_photos("from: file, ", ""), HasSubstr("host stage 1 (\"decode_picture\"), from: there is no buffer \"\""));
  EXPECT_THAT(refused_photos("to: pixels", "too: pixels"), HasSubstr("did you mean \"to\"?"));
  EXPECT_THAT(refused_photos("length: count,", "length: out,"), HasSubstr("to and length are one buffer"));
  EXPECT_THAT(refused_photos("length: count,", "length: cuont,"), HasSubstr("did you mean \"count\"?"));
  EXPECT_THAT(refused_photos("sets: [width]", "sets: [fixed]"), HasSubstr("is no parameter with a range"));
  EXPECT_THAT(refused_photos("sets: [width]", "sets: width"), HasSubstr("sets should be a list"));
  EXPECT_THAT(refused_photos("bytes: n,", "bytes: m,"), HasSubstr("host stage 1 (decode_picture), bytes"));
  EXPECT_THAT(refused_photos("top: n + 1", "top: n +"), HasSubstr("host stage 2 (encode_picture), top"));
  EXPECT_THAT(refused_photos("host: decode_picture", "host: decode picture"), HasSubstr("use 1 to 64 of"));
  EXPECT_THAT(refused_photos("{kernel: third, over: width, args: [pixels]}", "{host: a, from: file, to: pixels}"),
              HasSubstr("holds a host stage; put it before or behind the repeat"));
}

TEST(HostStage, StandsBetweenStagesThatDoNotRepeat) {
  constexpr auto kWords = "which is not there or repeats";
  EXPECT_THAT(refused_change([](auto& stages) { stages[1].before = 2; }), HasSubstr(kWords)) << "within the repeat";
  EXPECT_THAT(refused_change([](auto& stages) { stages[1].before = 4; }), HasSubstr(kWords));
  EXPECT_THAT(refused_change([](auto& stages) { std::swap(stages[0], stages[1]); }), HasSubstr(kWords));
  EXPECT_EQ(refused_change([](auto& stages) { stages[1].before = 1; }), "(was not refused)") << "just before it";
  EXPECT_THAT(refused_change([](auto& stages) { stages.resize(9, stages[1]); }), HasSubstr("9 host stages; at most 8"));
}

TEST(HostStage, IsExplainedInItsPlace) {
  const Bundle bundle{.pipeline = *parse_pipeline(kPhotos, "photos.yaml"), .modules = {}, .residents = {}};
  EXPECT_THAT(explain(bundle, 100).value_or("(refused)"), HasSubstr(R"(
   host  decode_picture                       file -> pixels, sets width
      1  first           photos  1     256    pixels
      2  second          photos  1     256    pixels
      3  third           photos  1     256    pixels
   host  encode_picture                       pixels -> out, width = width, top = n + 1
)"));
}

}  // namespace
}  // namespace sublet
