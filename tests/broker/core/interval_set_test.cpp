#include "broker/core/interval_set.hpp"

#include <limits>
#include <set>

#include <gtest/gtest.h>
#include <rapidcheck.h>

namespace sublet::broker {
namespace {

constexpr auto kMax = std::numeric_limits<std::uint64_t>::max();

TEST(IntervalSet, JoinsRangesThatTouchAndNamesWhatItAbsorbed) {
  IntervalSet set;
  set.insert({.first = 0, .count = 4});
  set.insert({.first = 8, .count = 4});
  const auto change = set.insert({.first = 4, .count = 4});
  EXPECT_EQ(change.first, 0U);
  EXPECT_EQ(change.last, 11U);
  EXPECT_EQ(change.absorbed, std::vector<std::uint64_t>{8});
  EXPECT_EQ(set.intervals().size(), 1U);
}

TEST(IntervalSet, HoldsTheLastIdsOfAll) {
  IntervalSet set;
  set.insert({.first = kMax - 1, .count = 2});
  EXPECT_TRUE(set.contains({.first = kMax, .count = 1}));
  EXPECT_FALSE(set.disjoint({.first = kMax, .count = 1}));
  EXPECT_TRUE(set.missing({.first = kMax, .count = 1}).empty());
  set.insert({.first = 0, .count = 1});
  EXPECT_EQ(set.intervals().size(), 2U);
}

TEST(IntervalSet, SaysWhatIsMissing) {
  IntervalSet set;
  set.insert({.first = 2, .count = 2});
  set.insert({.first = 6, .count = 1});
  const std::vector<ChunkRange> expected = {{.first = 0, .count = 2}, {.first = 4, .count = 2}, {.first = 7, .count = 3}};
  EXPECT_EQ(set.missing({.first = 0, .count = 10}), expected);
}

TEST(IntervalSet, AgreesWithASetOfIds) {
  EXPECT_TRUE(rc::check("as a std::set would", [] {
    IntervalSet set;
    std::set<std::uint64_t> model;
    const auto count = *rc::gen::inRange(1, 40);
    for (int step = 0; step < count; ++step) {
      const ChunkRange range{.first = *rc::gen::inRange<std::uint64_t>(0, 60), .count = *rc::gen::inRange<std::uint64_t>(1, 9)};
      std::uint64_t present = 0;
      for (auto id = range.first; id <= last_of(range); ++id) present += model.count(id);
      RC_ASSERT(set.disjoint(range) == (present == 0));
      RC_ASSERT(set.contains(range) == (present == range.count));
      std::uint64_t missing = 0;
      for (const auto& part : set.missing(range)) missing += part.count;
      RC_ASSERT(missing == range.count - present);
      set.insert(range);
      for (auto id = range.first; id <= last_of(range); ++id) model.insert(id);
      std::uint64_t total = 0;
      std::uint64_t before = kMax;
      for (const auto& [first, last] : set.intervals()) {
        RC_ASSERT(before == kMax || first > before + 1);
        before = last;
        total += last - first + 1;
      }
      RC_ASSERT(total == model.size());
    }
  }));
}

}  // namespace
}  // namespace sublet::broker
