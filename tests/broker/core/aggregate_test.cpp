#include "broker/core/aggregate.hpp"

#include <cmath>
#include <limits>

#include <gtest/gtest.h>

namespace sublet::broker {
namespace {

template <class T>
ByteView bytes_of(const std::vector<T>& values) {
  return std::as_bytes(std::span(values));
}

TEST(Aggregate, SumOfFloatsHardlyDependsOnTheOrder) {
  const JobSpec spec{.aggregate = AggregateKind::sum, .element = ElementType::f64};
  AggregateValue value;
  ASSERT_TRUE(fold(spec, bytes_of(std::vector<double>{1e100, 1.0, -1e100}), value));
  EXPECT_EQ(real_value(spec, value), 1.0);
}

TEST(Aggregate, SumOfIntegersFailsRatherThanWraps) {
  const JobSpec spec{.aggregate = AggregateKind::sum, .element = ElementType::i64};
  AggregateValue value;
  ASSERT_TRUE(fold(spec, bytes_of(std::vector<std::int64_t>{std::numeric_limits<std::int64_t>::max()}), value));
  const auto over = fold(spec, bytes_of(std::vector<std::int64_t>{1}), value);
  ASSERT_FALSE(over);
  EXPECT_EQ(over.error().code, ErrorCode::out_of_range);
}

TEST(Aggregate, MinAndMaxPassOverNaN) {
  const auto nan = std::numeric_limits<float>::quiet_NaN();
  for (const auto kind : {AggregateKind::min, AggregateKind::max}) {
    const JobSpec spec{.aggregate = kind, .element = ElementType::f32};
    AggregateValue value;
    ASSERT_TRUE(fold(spec, bytes_of(std::vector<float>{nan, 3, -2, nan}), value));
    EXPECT_EQ(real_value(spec, value), kind == AggregateKind::min ? -2 : 3);
  }
}

TEST(Aggregate, MinOfNothingIsNaN) {
  const JobSpec spec{.aggregate = AggregateKind::min, .element = ElementType::f32};
  EXPECT_TRUE(std::isnan(real_value(spec, {})));
}

TEST(Aggregate, IntegersBeyondDoublesKeepTheirLastDigit) {
  const JobSpec spec{.aggregate = AggregateKind::max, .element = ElementType::i64};
  AggregateValue value;
  ASSERT_TRUE(fold(spec, bytes_of(std::vector<std::int64_t>{9007199254740993, -1}), value));
  EXPECT_EQ(value.integer, 9007199254740993);
}

}  // namespace
}  // namespace sublet::broker
