// digits: layers of a network whose weights stay on the device.

#include <algorithm>
#include <array>
#include <cmath>
#include <string_view>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/kernels/lone_lane.hpp"

namespace sublet::test {
namespace {

using ::testing::HasSubstr;

constexpr std::size_t kInputs = 64;
constexpr std::size_t kHidden = 32;
constexpr std::size_t kClasses = 10;

std::vector<double> dense(std::span<const double> in, std::span<const float> layer, std::size_t outputs) {
  std::vector<double> out(layer.end() - static_cast<std::ptrdiff_t>(outputs), layer.end());
  for (std::size_t i = 0; i < in.size(); ++i) {
    for (std::size_t j = 0; j < outputs; ++j) out[j] += in[i] * static_cast<double>(layer[i * outputs + j]);
  }
  return out;
}

/// One picture's chances, by the definition.
std::vector<double> classified(std::span<const float> picture, const Bundle& bundle) {
  const std::vector<double> in(picture.begin(), picture.end());
  auto features = dense(in, values_of<float>(bundle.residents[0].data), kHidden);
  for (double& each : features) each = std::max(each, 0.0);
  auto scores = dense(features, values_of<float>(bundle.residents[1].data), kClasses);
  const double most = *std::ranges::max_element(scores);
  double sum = 0;
  for (double& each : scores) sum += each = std::exp(each - most);
  for (double& each : scores) each /= sum;
  return scores;
}

const Bundle& digits() {
  static const auto kBundle = must(load_bundle(SUBLET_SOURCE_DIR "/kernels/inference/digits.yaml"));
  return kBundle;
}

TEST(Digits, GivesTheChancesOfTheDefinitionForAnyNumberOfPictures) {
  LoneLane lane("inference/digits.yaml", 1000 * kInputs * sizeof(float));
  SeededRandom random(3);
  for (const std::size_t pictures : {0, 1, 15, 16, 17, 1000}) {
    std::vector<float> dots(pictures * kInputs);
    for (float& dot : dots) dot = static_cast<float>(random.spread());
    const auto chances = values_of<float>(lane.run(bytes_of(dots)));
    ASSERT_EQ(chances.size(), pictures * kClasses);
    for (std::size_t i = 0; i < pictures; ++i) {
      const auto expected = classified(std::span(dots).subspan(i * kInputs, kInputs), digits());
      for (std::size_t j = 0; j < kClasses; ++j) ASSERT_NEAR(chances[i * kClasses + j], expected[j], 1e-5) << i << ", " << j;
    }
  }
}

constexpr std::string_view kThree =
    ".####..."
    "##..##.."
    "....##.."
    "..###..."
    "....##.."
    "##..##.."
    ".####..."
    "........";
constexpr std::string_view kSeven =
    "........"
    ".######."
    ".##..##."
    ".....##."
    "....##.."
    "...##..."
    "...##..."
    "...##...";

TEST(Digits, TellsOneDigitFromAnother) {
  std::vector<float> dots;
  for (const auto picture : {kThree, kSeven}) {
    for (const char dot : picture) dots.push_back(dot == '#' ? 0.9F : 0.1F);
  }
  const auto chances = values_of<float>(LoneLane("inference/digits.yaml", 4096).run(bytes_of(dots)));
  ASSERT_EQ(chances.size(), 20U);
  EXPECT_GT(chances[3], 0.9F);
  EXPECT_GT(chances[10 + 7], 0.9F);
}

TEST(Digits, V1_UploadsItsWeightsOnceForAThousandRequests) {
  LoneLane lane("inference/digits.yaml", kInputs * sizeof(float));
  const std::vector<float> dots(kInputs, 0.5F);
  for (int i = 0; i < 1000; ++i) lane.run(bytes_of(dots));
  const std::uint64_t weights = 4 * ((kInputs + 1) * kHidden + (kHidden + 1) * kClasses);
  EXPECT_EQ(lane.traffic().to_device, weights + 1000 * kInputs * sizeof(float));
}

TEST(Digits, TakesWholePicturesOnly) {
  LoneLane lane("inference/digits.yaml", 4096);
  EXPECT_EQ(refusal_by(lane, random_bytes(300)),
            "bad_size: a picture of 64 floats has 256 bytes, and 300 bytes are no whole number of pictures");
}

TEST(Digits, RunsOtherNetworks) {
  auto bundle = digits();
  bundle.pipeline = must(with_parameters(bundle.pipeline, std::vector<PipelineParameter>{{"inputs", 3}, {"hidden", 40}, {"classes", 50}}));
  const auto set = [&](std::size_t at, const std::vector<float>& values) {
    bundle.residents[at].data = bytes_of(values);
    bundle.pipeline.residents[at].bytes = bundle.residents[at].data.size();
  };
  // Every feature is the sum of the inputs, and the class that is told apart gets more of them.
  std::vector<float> first(4 * 40, 1.0F);
  std::fill(first.end() - 40, first.end(), 0.0F);
  std::vector<float> second(41 * 50, 0.0F);
  for (std::size_t i = 0; i < 40; ++i) second[i * 50 + 33] = 0.1F;
  set(0, first);
  set(1, second);
  const auto device = make_cpu_device({});
  const auto chances = values_of<float>(OneLane(*device, bundle, 12).run(bytes_of({0.5F, 0.25F, 0.25F})));
  ASSERT_EQ(chances.size(), 50U);
  EXPECT_NEAR(chances[33], std::exp(4.0) / (std::exp(4.0) + 49), 1e-6);
}

}  // namespace
}  // namespace sublet::test
