#include "common/wire/chunk_header.hpp"

#include <array>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "common/pipeline/pipeline_yaml.hpp"
#include "common/random.hpp"
#include "common/wire/header_reader.hpp"
#include "tests/common/pipeline/example.hpp"
#include "tests/common/wire/frames.hpp"

namespace sublet::wire {
namespace {

using test::refusal;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

Pipeline pipeline_of(std::string_view rest) {
  return *parse_pipeline(
      fmt::format("name: a\nbuffers: {{left: n, right: n, out: n}}\nparameters: {{width: 4, gain: 0.5, shift: -1, fixed: 7}}\n"
                  "per_chunk: {{width: 1..8192, gain: 0.0..1.0, shift: -5..5}}\noutput: out\n{}\n",
                  rest),
      "a.yaml");
}

/// Of a chunk with one input, or what is wrong with it.
std::string refused(ByteView chunk, std::string_view inputs = "input: left") {
  HeaderReader reader(pipeline_of(inputs));
  return refusal(reader.read(chunk), ErrorCode::bad_parameter);
}

ByteVector chunk_of(std::vector<NamedNumber> numbers, std::string_view data = "data") {
  const std::array<NamedData, 1> input = {NamedData("left", as_view(data))};
  return make_chunk(numbers, input);
}

TEST(ChunkHeader, SaysWhatIsNotAsThePipelineSays) {
  HeaderReader reader(pipeline_of("input: left"));
  const auto payload = chunk_of({{"gain", 0.25}, {"width", 640}});
  const auto chunk = reader.read(payload);
  ASSERT_TRUE(chunk) << to_text(chunk.error());
  EXPECT_THAT(chunk->variables, ElementsAre(640, 0.25, -1, 7));
  EXPECT_THAT(chunk->bytes, ElementsAre(4));
  EXPECT_EQ(as_text(payload).substr(chunk->begin), "data");
  EXPECT_THAT(reader.read(chunk_of({{"shift", -5}}))->variables, ElementsAre(4, 0.5, -5, 7)) << "nothing stays of the chunk before";
  EXPECT_THAT(reader.read(chunk_of({{"shift", 5}}))->variables, ElementsAre(4, 0.5, 5, 7)) << "nor that it said it";
}

TEST(ChunkHeader, IsOneByteWhereNothingIsSaid) {
  const auto payload = chunk_of({});
  EXPECT_EQ(payload.size(), 5U);
  EXPECT_EQ(payload[0], std::byte{0x80});
  HeaderReader reader(pipeline_of("input: left"));
  EXPECT_THAT(reader.read(payload)->variables, ElementsAre(4, 0.5, -1, 7));
}

TEST(ChunkHeader, SaysHowLongEachOfSeveralInputsIs) {
  HeaderReader reader(pipeline_of("inputs: [left, right]"));
  const std::array<NamedData, 2> inputs = {NamedData("left", as_view(std::string_view("abc"))), {"right", as_view(std::string_view("de"))}};
  const auto payload = make_chunk(std::array<NamedNumber, 1>{NamedNumber("width", 8)}, inputs);
  const auto chunk = reader.read(payload);
  ASSERT_TRUE(chunk) << to_text(chunk.error());
  EXPECT_THAT(chunk->bytes, ElementsAre(3, 2));
  EXPECT_THAT(chunk->variables, ElementsAre(8, 0.5, -1, 7, 3, 2));
  EXPECT_EQ(as_text(payload).substr(chunk->begin), "abcde");
}

TEST(ChunkHeader, IsRefusedWithWhatIsWrongInIt) {
  EXPECT_THAT(refused(as_view(std::string_view(""))), HasSubstr("does not begin with a header"));
  EXPECT_THAT(refused(as_view(std::string_view("\x81\xa5wid"))), HasSubstr("does not begin with a header"));
  EXPECT_THAT(refused(as_view(std::string_view("data"))), HasSubstr("something else than a map"));
  EXPECT_THAT(refused(as_view(std::string_view("\x81\x01\x02"))), HasSubstr("something else than a map"));
  EXPECT_THAT(refused(chunk_of({{"widht", 4}})), HasSubstr("did you mean \"width\"?"));
  EXPECT_THAT(refused(chunk_of({{"fixed", 4}})), HasSubstr("no chunk of this pipeline says what \"fixed\" is"));
  EXPECT_THAT(refused(chunk_of({{"width", 4}, {"width", 4}})), HasSubstr("twice"));
  EXPECT_THAT(refused(chunk_of({{"width", 0}})), HasSubstr("\"width\" is not a whole number from 1 to 8192"));
  EXPECT_THAT(refused(chunk_of({{"width", 8193}})), HasSubstr("from 1 to 8192"));
  EXPECT_THAT(refused(chunk_of({{"width", 4.5}})), HasSubstr("a whole number"));
  EXPECT_THAT(refused(chunk_of({{"gain", 1.5}})), HasSubstr("\"gain\" is not a number from 0 to 1"));
  EXPECT_EQ(refused(chunk_of({{"gain", 1}})), "(was not refused)");
  EXPECT_THAT(refused(as_view(std::string_view("\x81\xa4gain\xc0"))), HasSubstr("is not a number"));
  EXPECT_THAT(refused(as_view(std::string_view("\x81\xa4gain\xcb\x7f\xf8\0\0\0\0\0\0", 15))), HasSubstr("is not a number")) << "a NaN";
  EXPECT_THAT(refused(as_view(std::string_view("\x81\xa4gain\x91\x01"))), HasSubstr("nested deeper"));
}

TEST(ChunkHeader, IsRefusedWhereItsLengthsDoNotAddUp) {
  constexpr std::string_view kInputs = "inputs: [left, right]";
  const auto refused_bytes = [&](std::string_view bytes) { return refused(as_view(bytes), kInputs); };
  EXPECT_THAT(refused_bytes("\x82\xa4left\x03\xa5right\x02"
                            "abcd"),
              HasSubstr("5 bytes together, as the chunk says, and 4 follow"));
  EXPECT_THAT(refused_bytes("\x81\xa4left\x03"
                            "abc"),
              HasSubstr("how many bytes of it are \"right\""));
  EXPECT_THAT(refused_bytes("\x82\xa4left\xcf\xff\xff\xff\xff\xff\xff\xff\xff\xa5right\x02"
                            "a"),
              HasSubstr("\"left\" is not a whole number"));
}

TEST(ChunkHeader, TakesAnyBytesWithoutHarm) {
  HeaderReader reader(pipeline_of("inputs: [left, right]"));
  SeededRandom random(5);
  const std::array<NamedData, 2> inputs = {NamedData("left", as_view(std::string_view("abc"))), {"right", as_view(std::string_view("de"))}};
  const auto right = make_chunk(std::array<NamedNumber, 2>{NamedNumber("width", 8), {"gain", 0.75}}, inputs);
  for (int i = 0; i < 20'000; ++i) {
    auto bytes = right;
    for (int change = 0; change < 2; ++change) bytes[random.next() % bytes.size()] = static_cast<std::byte>(random.next());
    bytes.resize(random.next() % (bytes.size() + 1));
    const auto chunk = reader.read(bytes);
    if (!chunk) continue;
    ASSERT_LE(chunk->begin + chunk->bytes[0] + chunk->bytes[1], bytes.size());
    ASSERT_TRUE(chunk->variables[0] >= 1 && chunk->variables[0] <= 8192);
  }
}

TEST(Outputs, AreSplitAsTheyWereJoined) {
  const std::array<std::pair<std::string_view, std::uint64_t>, 3> lengths = {{{"kept", 3}, {"none", 0}, {"count", 2}}};
  auto bytes = lengths_header(lengths);
  for (const char each : std::string_view("abcde")) bytes.push_back(static_cast<std::byte>(each));
  const auto outputs = split_outputs(bytes);
  ASSERT_TRUE(outputs) << to_text(outputs.error());
  ASSERT_EQ(outputs->size(), 3U);
  EXPECT_EQ((*outputs)[0].first, "kept");
  EXPECT_EQ(as_text((*outputs)[0].second), "abc");
  EXPECT_EQ(as_text((*outputs)[1].second), "");
  EXPECT_EQ((*outputs)[2].first, "count");
  EXPECT_EQ(as_text((*outputs)[2].second), "de");
  bytes.pop_back();
  EXPECT_THAT(refusal(split_outputs(bytes), ErrorCode::bad_message), HasSubstr("are not those"));
  bytes.resize(bytes.size() + 2);
  EXPECT_THAT(refusal(split_outputs(bytes), ErrorCode::bad_message), HasSubstr("1 bytes behind"));
  EXPECT_THAT(refusal(split_outputs({}), ErrorCode::bad_message), HasSubstr("does not begin"));
}

}  // namespace
}  // namespace sublet::wire
