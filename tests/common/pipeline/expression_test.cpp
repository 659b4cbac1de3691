#include "common/pipeline/expression.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/common/pipeline/example.hpp"

namespace sublet {
namespace {

using test::refusal;
using ::testing::AllOf;
using ::testing::HasSubstr;

const std::vector<PipelineParameter> kParameters = {{"width", 640}, {"half", 0.5}, {"below", -1}};

Result<std::uint64_t> value_of(std::string_view text, std::uint64_t n = 0) {
  const auto compiled = CompiledExpression::compile(text, kParameters);
  if (!compiled) return std::unexpected(compiled.error());
  return compiled->evaluate(n);
}

TEST(Expression, KnowsPrecedenceAndParentheses) {
  EXPECT_EQ(value_of("2 + 3 * 4"), 14U);
  EXPECT_EQ(value_of("(2 + 3) * 4"), 20U);
  EXPECT_EQ(value_of("20 - 5 - 3"), 12U);
  EXPECT_EQ(value_of("100 / 10 / 2"), 5U);
  EXPECT_EQ(value_of("17 % 5 * 2"), 4U);
}

TEST(Expression, ReadsTheInputsLengthAndParameters) {
  EXPECT_EQ(value_of("n * 4", 10), 40U);
  EXPECT_EQ(value_of("n/width", 6400), 10U);
}

TEST(Expression, HasMinimumMaximumAndDivisionRoundedUp) {
  EXPECT_EQ(value_of("min(n, 7)", 9), 7U);
  EXPECT_EQ(value_of("max(n, 7)", 9), 9U);
  EXPECT_EQ(value_of("ceil_div(n, 4)", 9), 3U);
  EXPECT_EQ(value_of("ceil_div(n, 4)", 0), 0U);
  EXPECT_EQ(value_of("ceil_div(n, 2)", UINT64_MAX), UINT64_C(1) << 63U);
}

TEST(Expression, RefusesOverflowAndNamesTheExpressionAndN) {
  EXPECT_THAT(refusal(value_of("n * 4", UINT64_MAX)),
              AllOf(HasSubstr("\"n * 4\""), HasSubstr("overflows"), HasSubstr("18446744073709551615")));
  EXPECT_THAT(refusal(value_of("n + 1", UINT64_MAX)), HasSubstr("overflows"));
}

TEST(Expression, RefusesToGoBelowZero) {
  EXPECT_THAT(refusal(value_of("n - 1", 0)), AllOf(HasSubstr("below zero"), HasSubstr("max(a, b) - b")));
  EXPECT_EQ(value_of("max(n, 1) - 1", 0), 0U);
}

TEST(Expression, RefusesADivisionByZero) {
  EXPECT_THAT(refusal(value_of("8 / n", 0)), HasSubstr("divides by zero"));
  EXPECT_THAT(refusal(value_of("8 % n", 0)), HasSubstr("divides by zero"));
  EXPECT_THAT(refusal(value_of("ceil_div(8, n)", 0)), HasSubstr("divides by zero"));
}

TEST(Expression, FindsWhatIsWrongAtEveryNWhenItIsCompiled) {
  for (const char* text : {"n / 0", "n % (3 - 3)", "1 - 2", "n + 18446744073709551615 * 2", "ceil_div(n, 0)"}) {
    EXPECT_FALSE(CompiledExpression::compile(text, kParameters).has_value()) << text;
  }
}

TEST(Expression, SuggestsTheNearestName) {
  EXPECT_THAT(refusal(value_of("n * widht")), AllOf(HasSubstr("\"widht\""), HasSubstr("did you mean \"width\"?")));
  EXPECT_THAT(refusal(value_of("ceildiv(n, 4)")), HasSubstr("did you mean \"ceil_div\"?"));
}

TEST(Expression, RefusesParametersThatAreNoWholeNumber) {
  EXPECT_THAT(refusal(value_of("n * half")), HasSubstr("not a whole number"));
  EXPECT_THAT(refusal(value_of("n * below")), HasSubstr("not a whole number"));
}

TEST(Expression, RefusesWhatIsNoExpression) {
  for (const char* text : {"", "n +", "* 4", "(n", "n)", "n n", "4k", "0x10", "1.5", "min(n)", "min(n, 1, 2)", "min n",
                           "18446744073709551616", "n & 1", "-1", "n\n", "π"}) {
    EXPECT_FALSE(value_of(text).has_value()) << text;
  }
}

TEST(Expression, RefusesToBeLongerThanTheLimit) {
  const std::string longest(PipelineLimits::kExpressionLength, '1');
  EXPECT_THAT(refusal(value_of(longest + "1")), HasSubstr("257 characters"));
}

TEST(Expression, RefusesToBeNestedDeeperThanTheLimit) {
  const auto nested = [](std::size_t depth) { return std::string(depth, '(') + "n" + std::string(depth, ')'); };
  EXPECT_EQ(value_of(nested(32), 5), 5U);
  EXPECT_THAT(refusal(value_of(nested(33))), HasSubstr("nested more than 32 deep"));
}

TEST(Expression, KeepsItsDeepestStackWithinBounds) {
  // Each level leaves a sum's left side and a product's left side waiting.
  std::string text;
  for (int i = 0; i < 32; ++i) text += "n+n*(";
  text += "n" + std::string(32, ')');
  EXPECT_EQ(value_of(text, 1), 33U);
}

TEST(Expression, KnowsWhetherItIsConstant) {
  EXPECT_TRUE(CompiledExpression::compile("width * 4 + min(3, 4)", kParameters)->is_constant());
  EXPECT_FALSE(CompiledExpression::compile("n", kParameters)->is_constant());
  EXPECT_FALSE(CompiledExpression::compile("0 * n", kParameters)->is_constant());
}

}  // namespace
}  // namespace sublet
