// Sets of threads, picked by a predicate.

#include "gpu-worker/devices/cpu/run/lane_set.hpp"

#include <gtest/gtest.h>

#include "common/random.hpp"

namespace sublet::cpu {
namespace {

/// Predicates in stretches of the same, about as long as `length`.
std::vector<std::uint8_t> predicates(std::uint32_t count, std::uint32_t length, SeededRandom& random) {
  std::vector<std::uint8_t> made(count);
  bool value = random.next() % 2 == 0;
  for (std::uint8_t& each : made) {
    value = value != (random.next() % length == 0);
    each = value ? 1 : 0;
  }
  return made;
}

std::vector<std::uint32_t> lanes_of(const LaneSet& set) {
  std::vector<std::uint32_t> lanes;
  for (const LaneRun& run : set.runs()) {
    EXPECT_LT(run.first, run.last);
    EXPECT_TRUE(lanes.empty() || lanes.back() + 1 < run.first) << "runs that touch are one";
    for (std::uint32_t lane = run.first; lane < run.last; ++lane) {
      lanes.push_back(lane);
    }
  }
  return lanes;
}

/// Those of `base` whose predicate is `wanted`, one by one.
std::vector<std::uint32_t> picked(const std::vector<std::uint32_t>& base, const std::vector<std::uint8_t>& predicate, std::uint8_t wanted) {
  std::vector<std::uint32_t> lanes;
  for (const std::uint32_t lane : base) {
    if (predicate[lane] == wanted) lanes.push_back(lane);
  }
  return lanes;
}

void check_picking(const LaneSet& base, const std::vector<std::uint8_t>& predicate) {
  const auto all = lanes_of(base);
  for (const bool negated : {false, true}) {
    const auto wanted = picked(all, predicate, negated ? 0 : 1);
    LaneSet set;
    set.assign_where(base, predicate.data(), negated);
    EXPECT_EQ(lanes_of(set), wanted);
    EXPECT_EQ(set.count(), wanted.size());
    for (const std::uint32_t lane : all) {
      if (!set.empty() && lane >= set.first() && lane < set.last()) {
        EXPECT_EQ(set.mask()[lane], predicate[lane] == (negated ? 0 : 1)) << lane;
      }
    }
  }
  EXPECT_EQ(count_where(base, predicate.data()), picked(all, predicate, 1).size());
}

TEST(LaneSet, PicksAndCountsThoseWhosePredicateIsSet) {
  SeededRandom random(1);
  LaneSet all;
  LaneSet some;
  for (const std::uint32_t count : {1U, 2U, 7U, 8U, 9U, 15U, 16U, 17U, 63U, 64U, 100U, 256U, 1000U, 1024U}) {
    for (const std::uint32_t length : {1U, 2U, 5U, 20U, 300U, 100'000U}) {
      all.assign_all(count);
      check_picking(all, predicates(count, length, random));
      some.assign_where(all, predicates(count, 13, random).data(), false);
      check_picking(some, predicates(count, length, random));
    }
  }
}

TEST(LaneSet, CountsAllOfTheLargestBlock) {
  LaneSet all;
  all.assign_all(1024);
  EXPECT_EQ(count_where(all, std::vector<std::uint8_t>(1024, 1).data()), 1024U);
}

}  // namespace
}  // namespace sublet::cpu
