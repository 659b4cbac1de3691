#include "common/histogram.hpp"

#include <gtest/gtest.h>

namespace sublet {
namespace {

TEST(Histogram, PutsAValueIntoTheFirstBucketThatHoldsIt) {
  Histogram<5> histogram;
  for (const std::uint64_t value : {0, 1, 2, 3, 4, 5, 8}) histogram.observe(value);
  EXPECT_EQ(histogram.count(0), 2U) << "0 and 1";
  EXPECT_EQ(histogram.count(1), 1U) << "2";
  EXPECT_EQ(histogram.count(2), 2U) << "3 and 4";
  EXPECT_EQ(histogram.count(3), 2U) << "5 and 8";
  EXPECT_EQ(Histogram<5>::bound(3), 8U);
}

TEST(Histogram, PutsWhatIsTooLargeIntoTheLastBucket) {
  Histogram<3> histogram;
  histogram.observe(~std::uint64_t{0} >> 1U);
  histogram.observe(3, 2);
  EXPECT_EQ(histogram.count(2), 3U);
  EXPECT_EQ(histogram.total(), 3U);
}

TEST(Histogram, SumsUpWhatItObserved) {
  Histogram<8> histogram;
  histogram.observe(10, 3);
  histogram.observe(1);
  EXPECT_EQ(histogram.sum(), 31U);
}

}  // namespace
}  // namespace sublet
