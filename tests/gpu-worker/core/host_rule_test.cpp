#include "gpu-worker/core/host_rule.hpp"

#include <array>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/common/pipeline/example.hpp"

namespace sublet {
namespace {

using test::refusal;
using ::testing::HasSubstr;

TEST(HostRule, IsANameAndACommand) {
  const auto rule = parse_host_rule("sort=sort -k=2");
  ASSERT_TRUE(rule);
  EXPECT_EQ(rule->name, "sort");
  EXPECT_EQ(rule->command, "sort -k=2");
  for (const auto* text : {"", "sort", "=sort", "sort="}) {
    EXPECT_THAT(refusal(parse_host_rule(text), ErrorCode::bad_argument), HasSubstr("write name=command")) << text;
  }
}

TEST(HostRule, TakesNoNameThatIsBuiltIn) {
  for (const std::string name : {"decode_picture", "encode_picture"}) {
    EXPECT_THAT(refusal(parse_host_rule(name + "=cat"), ErrorCode::bad_argument),
                HasSubstr("\"" + name + "\": a function of that name is built in"));
  }
}

TEST(HostRule, StandsOnce) {
  EXPECT_TRUE(check_host_rules(std::array<std::string, 2>{"a=cat", "b=cat"}));
  EXPECT_THAT(refusal(check_host_rules(std::array<std::string, 2>{"a=cat", "a=tac"}), ErrorCode::bad_argument),
              HasSubstr("\"a\" is given twice"));
  EXPECT_FALSE(check_host_rules(std::array<std::string, 2>{"a=cat", "decode_picture=cat"}));
}

}  // namespace
}  // namespace sublet
