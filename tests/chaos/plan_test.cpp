#include "tests/chaos/plan.hpp"

#include <map>

#include <gtest/gtest.h>

namespace sublet::chaos {
namespace {

constexpr PlanSize kLong{.chunks = 200'000, .faults = 57};

TEST(ChaosPlan, IsThatOfItsSeed) {
  EXPECT_EQ(draw_plan(7, kLong), draw_plan(7, kLong));
  EXPECT_NE(draw_plan(7, kLong), draw_plan(8, kLong));
}

TEST(ChaosPlan, HasEveryKindOnceBeforeAnyComesAgain) {
  std::map<FaultKind, int> times;
  for (const auto& fault : draw_plan(1, kLong)) ++times[fault.kind];
  ASSERT_EQ(times.size(), fault_table().size());
  for (const auto& [kind, count] : times) EXPECT_EQ(count, 3) << info_of(kind).name;
}

TEST(ChaosPlan, StrikesWithinTheBurstInOrder) {
  for (std::uint64_t seed = 0; seed < 100; ++seed) {
    std::uint64_t last = 0;
    for (const auto& fault : draw_plan(seed, kLong)) {
      EXPECT_GE(fault.after, last);
      EXPECT_LT(fault.after, kLong.chunks);
      last = fault.after;
    }
  }
}

TEST(ChaosPlan, LetsSomeStrikeTogetherButNoneThatHasToHaveItsEffect) {
  std::size_t together = 0;
  for (std::uint64_t seed = 0; seed < 100; ++seed) {
    const auto plan = draw_plan(seed, kLong);
    for (std::size_t number = 1; number < plan.size(); ++number) {
      if (plan[number].after != plan[number - 1].after) continue;
      ++together;
      EXPECT_FALSE(info_of(plan[number].kind).alone || info_of(plan[number - 1].kind).alone);
    }
  }
  EXPECT_GT(together, 1'000U);
}

TEST(ChaosPlan, NamesEachKindAtItsPlace) {
  for (const auto& info : fault_table()) EXPECT_EQ(info_of(info.kind).name, info.name);
}

}  // namespace
}  // namespace sublet::chaos
