#include "common/pipeline/argument.hpp"

#include <bit>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/common/pipeline/example.hpp"

namespace sublet {
namespace {

using test::refusal;
using ::testing::AllOf;
using ::testing::HasSubstr;

Pipeline with_numbers() {
  Pipeline pipeline = test::video_pipeline();
  pipeline.parameters.push_back({"offset", -3});
  pipeline.parameters.push_back({"width", 640});
  return pipeline;
}

Result<std::uint64_t> bits_of(std::string_view text, std::uint64_t n = 0) {
  const auto argument = parse_argument(text);
  if (!argument) return std::unexpected(argument.error());
  const auto compiled = CompiledArgument::compile(*argument, Scope(with_numbers()));
  if (!compiled) return std::unexpected(compiled.error());
  return compiled->bits(n);
}

TEST(Argument, ReadsABufferOrATypeAndAValue) {
  EXPECT_EQ(*parse_argument(" raw "), (PipelineArgument{ArgumentType::buffer, "raw"}));
  EXPECT_EQ(*parse_argument("i32 n / 4"), (PipelineArgument{ArgumentType::s32, "n / 4"}));
  EXPECT_EQ(*parse_argument("f32\t0.5"), (PipelineArgument{ArgumentType::f32, "0.5"}));
}

TEST(Argument, IsWrittenAsItIsRead) {
  for (const char* text : {"raw", "u8 1", "i8 1", "u16 1", "i16 1", "u32 n", "i32 n", "u64 n", "i64 n", "f32 0.5", "f64 0.5"}) {
    EXPECT_EQ(to_text(*parse_argument(text)), text);
  }
}

TEST(Argument, SuggestsTheNearestType) {
  EXPECT_THAT(refusal(parse_argument("s32 n")), AllOf(HasSubstr("\"s32\""), HasSubstr("did you mean")));
  EXPECT_THAT(refusal(parse_argument("float 0.5")), HasSubstr("there is: \"u8\""));
  EXPECT_THAT(refusal(parse_argument("i32")), HasSubstr("no value"));
  EXPECT_THAT(refusal(parse_argument("  ")), HasSubstr("empty"));
}

TEST(Argument, HasItsValuesBits) {
  EXPECT_EQ(bits_of("i32 n / 4", 40), 10U);
  EXPECT_EQ(bits_of("f32 threshold"), std::bit_cast<std::uint32_t>(0.1F));
  EXPECT_EQ(bits_of("f64 -1e-3"), std::bit_cast<std::uint64_t>(-1e-3));
  EXPECT_EQ(bits_of("u16 width"), 640U);
}

TEST(Argument, TakesNegativeNumbersWhereTheTypeDoes) {
  EXPECT_EQ(static_cast<std::int64_t>(*bits_of("i32 offset")), -3);
  EXPECT_EQ(static_cast<std::int64_t>(*bits_of("i8 -128")), -128);
  EXPECT_EQ(static_cast<std::int64_t>(*bits_of("i64 -9223372036854775808")), INT64_MIN);
  EXPECT_THAT(refusal(bits_of("i8 -129")), HasSubstr("i8 cannot hold -129"));
  EXPECT_FALSE(bits_of("u32 offset").has_value());
  EXPECT_FALSE(bits_of("u32 -1").has_value());
}

TEST(Argument, RefusesANumberThatTheTypeCannotHold) {
  EXPECT_EQ(bits_of("u8 255"), 255U);
  EXPECT_THAT(refusal(bits_of("u8 256")), HasSubstr("u8 cannot hold 256"));
  EXPECT_EQ(bits_of("i32 2147483647"), 2147483647U);
  EXPECT_THAT(refusal(bits_of("i32 2147483648")), HasSubstr("use a wider type"));
  EXPECT_EQ(bits_of("i64 9223372036854775807"), 9223372036854775807U);
  EXPECT_FALSE(bits_of("i64 9223372036854775808").has_value());
  EXPECT_EQ(bits_of("u64 18446744073709551615"), UINT64_MAX);
  EXPECT_THAT(refusal(bits_of("f32 1e39")), HasSubstr("f32 cannot hold"));
}

TEST(Argument, RefusesAnInputThatTheTypeCannotCount) {
  EXPECT_TRUE(bits_of("i32 n", 0x7fffffff).has_value());
  EXPECT_THAT(refusal(bits_of("i32 n", 0x80000000)), AllOf(HasSubstr("i32 cannot hold 2147483648"), HasSubstr("\"n\" at n = 2147483648")));
}

TEST(Argument, RefusesFloatsThatAreNoNumber) {
  EXPECT_THAT(refusal(bits_of("f32 treshold")), HasSubstr("did you mean \"threshold\"?"));
  EXPECT_FALSE(bits_of("f32 nan").has_value());
  EXPECT_FALSE(bits_of("f32 inf").has_value());
  EXPECT_FALSE(bits_of("f32 0.1f").has_value());
}

TEST(Argument, SuggestsTheNearestBuffer) { EXPECT_THAT(refusal(bits_of("decodd")), HasSubstr("did you mean \"decoded\"?")); }

}  // namespace
}  // namespace sublet
