// Pipelines over signals: fir, fft.

#include <cmath>
#include <complex>
#include <numbers>

#include <gtest/gtest.h>

#include "tests/kernels/lone_lane.hpp"

namespace sublet::test {
namespace {

constexpr float kTaps[] = {-0.003592F, -0.004064F, 0.000000F, 0.021251F, 0.067292F, 0.129920F,  0.185382F, 0.207624F,
                           0.185382F,  0.129920F,  0.067292F, 0.021251F, 0.000000F, -0.004064F, -0.003592F};
constexpr int kTapCount = 15;

std::vector<float> filtered(const std::vector<float>& in) {
  std::vector<float> out(in.size());
  const auto count = static_cast<int>(in.size());
  for (int i = 0; i < count; ++i) {
    float sum = 0;
    for (int tap = 0; tap < kTapCount; ++tap) {
      const int at = i + tap - kTapCount / 2;
      sum = std::fma(kTaps[tap], at >= 0 && at < count ? in[static_cast<std::size_t>(at)] : 0.0F, sum);
    }
    out[static_cast<std::size_t>(i)] = sum;
  }
  return out;
}

std::vector<float> noise(std::size_t count) {
  SeededRandom random(count);
  std::vector<float> values(count);
  for (float& value : values) value = static_cast<float>(random.spread()) * 2 - 1;
  return values;
}

TEST(Fir, IsTheSumOfItsTapsToTheLastBit) {
  LoneLane lane("signal/fir.yaml", 4 * 100'000);
  for (const std::size_t count : {0, 1, 7, 15, 256, 257, 100'000}) {
    const auto input = noise(count);
    EXPECT_EQ(values_of<float>(lane.run(bytes_of(input))), filtered(input)) << count;
  }
}

TEST(Fir, LetsLowTonesThroughAndNoHighOnes) {
  const auto loudest = [](double frequency) {
    std::vector<float> tone(4096);
    for (std::size_t i = 0; i < tone.size(); ++i) {
      tone[i] = static_cast<float>(std::sin(2 * std::numbers::pi * frequency * static_cast<double>(i)));
    }
    const auto out = values_of<float>(LoneLane("signal/fir.yaml", 4 * tone.size()).run(bytes_of(tone)));
    float most = 0;
    for (std::size_t i = 100; i + 100 < out.size(); ++i) most = std::max(most, std::abs(out[i]));
    return most;
  };
  EXPECT_GT(loudest(0.01), 0.95F);
  EXPECT_LT(loudest(0.3), 0.02F);
}

using Complex = std::complex<double>;

/// By its definition, for one frequency.
Complex transformed(const std::vector<float>& signal, std::size_t first, std::size_t frequency) {
  Complex sum = 0;
  for (std::size_t i = 0; i < 1024; ++i) {
    const double angle = -2 * std::numbers::pi * static_cast<double>(i * frequency % 1024) / 1024;
    sum += Complex(signal[2 * (first + i)], signal[2 * (first + i) + 1]) * std::polar(1.0, angle);
  }
  return sum;
}

TEST(Fft, IsTheTransformOfEachRow) {
  constexpr std::size_t kRows = 5;
  const auto input = noise(2 * 1024 * kRows);
  const auto output = values_of<float>(LoneLane("signal/fft.yaml", 4 * input.size()).run(bytes_of(input)));
  ASSERT_EQ(output.size(), 2 * 1024 * kRows);
  for (std::size_t row = 0; row < kRows; ++row) {
    for (std::size_t frequency = 0; frequency < 1024; frequency += 13) {
      const auto at = 2 * (row * 1024 + frequency);
      const Complex difference = Complex(output[at], output[at + 1]) - transformed(input, row * 1024, frequency);
      // Ten stages of single precision over 1,024 values of up to 1.
      EXPECT_LT(std::abs(difference), 1e-3) << "row " << row << ", frequency " << frequency;
    }
  }
}

TEST(Signals, ThatAreNoWholeNumberOfTheirPartsAreRefused) {
  LoneLane fft("signal/fft.yaml", 100'000);
  EXPECT_EQ(refusal_by(fft, random_bytes(8200)),
            "bad_size: rows of 1,024 complex points have 8192 bytes each, and 8200 bytes are no whole number of rows");
  LoneLane fir("signal/fir.yaml", 100'000);
  EXPECT_EQ(refusal_by(fir, random_bytes(7)), "bad_size: floats have 4 bytes each, and 7 bytes are no whole number of floats");
}

}  // namespace
}  // namespace sublet::test
