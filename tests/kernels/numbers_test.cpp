// Pipelines that make numbers of many: reduce, histogram, options.

#include <algorithm>
#include <array>
#include <cmath>
#include <numbers>
#include <numeric>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/kernels/lone_lane.hpp"

namespace sublet::test {
namespace {

using ::testing::ElementsAre;

std::vector<float> random_floats(std::size_t count, float low, float high) {
  SeededRandom random(count);
  std::vector<float> values(count);
  for (float& value : values) value = low + (high - low) * static_cast<float>(random.spread());
  return values;
}

TEST(Reduce, FindsSumLeastAndGreatestOfAnyLength) {
  LoneLane lane("reduce/reduce.yaml", 4 * 300'000);
  for (const std::size_t count : {1, 2, 255, 256, 257, 16'384, 300'000}) {
    const auto values = random_floats(count, -100, 200);
    const auto result = values_of<float>(lane.run(bytes_of(values)));
    ASSERT_EQ(result.size(), 3U);
    const double sum = std::accumulate(values.begin(), values.end(), 0.0);
    // As pairwise summation: a few roundings deep, each of values that sum up to this.
    const double magnitude =
        std::accumulate(values.begin(), values.end(), 0.0, [](double all, float value) { return all + std::abs(value); });
    EXPECT_NEAR(result[0], sum, 2e-6 * magnitude) << count;
    EXPECT_EQ(result[1], *std::ranges::min_element(values));
    EXPECT_EQ(result[2], *std::ranges::max_element(values));
  }
}

TEST(Reduce, OfNothingHasNeitherLeastNorGreatest) {
  const auto result = values_of<float>(LoneLane("reduce/reduce.yaml", 4).run({}));
  EXPECT_THAT(result, ElementsAre(0.0F, INFINITY, -INFINITY));
}

TEST(Reduce, GivesTheSameBitsAgain) {
  LoneLane lane("reduce/reduce.yaml", 400'000);
  const auto input = bytes_of(random_floats(100'000, -1, 1));
  EXPECT_EQ(lane.run(input), lane.run(input));
}

TEST(Histogram, CountsEveryByte) {
  LoneLane lane("histogram/histogram.yaml", 1'000'000);
  for (const std::size_t count : {0, 1, 257, 100'000, 1'000'000}) {
    const Output input = random_bytes(count);
    std::vector<std::uint32_t> expected(256);
    for (const auto byte : input) ++expected[std::to_integer<unsigned>(byte)];
    EXPECT_EQ(values_of<std::uint32_t>(lane.run(input)), expected) << count;
  }
}

struct Option {
  float spot, strike, rate, volatility, years;
};

/// Black and Scholes 1973.
double closed_form(const Option& option) {
  const double spread = option.volatility * std::sqrt(option.years);
  const double d1 =
      (std::log(option.spot / option.strike) + (option.rate + 0.5 * option.volatility * option.volatility) * option.years) / spread;
  const auto normal = [](double x) { return 0.5 * std::erfc(-x / std::sqrt(2.0)); };
  return option.spot * normal(d1) - option.strike * std::exp(-option.rate * option.years) * normal(d1 - spread);
}

using Words = std::array<std::uint32_t, 4>;

Words philox(Words counter, std::array<std::uint32_t, 2> key) {
  for (int round = 0; round < 10; ++round) {
    const std::uint64_t a = 0xD2511F53ULL * counter[0];
    const std::uint64_t b = 0xCD9E8D57ULL * counter[2];
    counter = {static_cast<std::uint32_t>(b >> 32U) ^ counter[1] ^ key[0], static_cast<std::uint32_t>(b),
               static_cast<std::uint32_t>(a >> 32U) ^ counter[3] ^ key[1], static_cast<std::uint32_t>(a)};
    key[0] += 0x9E3779B9U;
    key[1] += 0xBB67AE85U;
  }
  return counter;
}

/// The kernel's own draws, in double precision.
double simulated(const Option& option, std::uint32_t number, std::uint32_t paths, std::uint32_t seed) {
  const double spread = option.volatility * std::sqrt(option.years);
  const double drift = option.rate * option.years - 0.5 * spread * spread;
  double sum = 0;
  for (std::uint32_t pair = 0; pair < paths / 2; ++pair) {
    const Words bits = philox({pair, 0, 0, 0}, {seed, number});
    const auto uniform = [](std::uint32_t word) { return ((word >> 8U) + 0.5) * 0x1.0p-24; };
    const double radius = std::sqrt(-2 * std::log(uniform(bits[0])));
    const double angle = 2 * std::numbers::pi * uniform(bits[1]);
    for (const double normal : {radius * std::cos(angle), radius * std::sin(angle)}) {
      sum += std::max(option.spot * std::exp(drift + spread * normal) - option.strike, 0.0);
    }
  }
  return std::exp(-option.rate * option.years) * sum / paths;
}

const std::vector<Option> kOptions = {{100, 100, 0.05F, 0.2F, 1}, {100, 80, 0.01F, 0.4F, 2}, {50, 60, 0.03F, 0.3F, 0.5F}};

Output bytes_of_options() {
  const auto view = std::as_bytes(std::span(kOptions));
  return {view.begin(), view.end()};
}

TEST(Options, PhiloxIsThatOfItsAuthors) {
  // Known answers of the reference implementation.
  EXPECT_EQ(philox({0, 0, 0, 0}, {0, 0}), (Words{0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8}));
  EXPECT_EQ(philox({0xffffffff, 0xffffffff, 0xffffffff, 0xffffffff}, {0xffffffff, 0xffffffff}),
            (Words{0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd}));
}

TEST(Options, AreTheirOwnDraws) {
  LoneLane lane("montecarlo/options.yaml", sizeof(Option) * kOptions.size(), {{"paths", 4096}, {"seed", 7}});
  const auto prices = values_of<float>(lane.run(bytes_of_options()));
  ASSERT_EQ(prices.size(), kOptions.size());
  for (std::uint32_t i = 0; i < prices.size(); ++i) EXPECT_NEAR(prices[i], simulated(kOptions[i], i, 4096, 7), 2e-5 * kOptions[i].spot);
}

TEST(Options, AreWholeAndTheirPathsEven) {
  LoneLane lane("montecarlo/options.yaml", 100);
  EXPECT_EQ(refusal_by(lane, random_bytes(30)),
            "bad_size: options of five floats have 20 bytes each, and 30 bytes are no whole number of options");
  EXPECT_THROW(LoneLane("montecarlo/options.yaml", 100, {{"paths", 3}}), std::runtime_error);
}

TEST(Options, ComeNearTheClosedForm) {
  LoneLane lane("montecarlo/options.yaml", sizeof(Option) * kOptions.size());
  const auto prices = values_of<float>(lane.run(bytes_of_options()));
  for (std::size_t i = 0; i < prices.size(); ++i) {
    // Four standard errors of 65,536 paths, of a payoff that varies as much as the price at maturity does.
    const Option& option = kOptions[i];
    const double deviation = option.spot * std::exp(option.rate * option.years) *
                             std::sqrt(std::expm1(double{option.volatility} * option.volatility * option.years));
    EXPECT_NEAR(prices[i], closed_form(option), 4 * deviation / 256);
  }
}

}  // namespace
}  // namespace sublet::test
