// The pipeline over clips: noise goes, what moves stays.

#include <algorithm>
#include <cmath>

#include <gtest/gtest.h>

#include "tests/kernels/lone_lane.hpp"
#include "tests/support/near.hpp"

namespace sublet::test {
namespace {

constexpr std::size_t kFrame = 3 * 20 * 10;

Settings clips(int radius, double strength) { return {{"width", 20}, {"height", 10}, {"radius", radius}, {"strength", strength}}; }

Output run(const Output& clip, int radius, double strength) {
  return LoneLane("video/clip.yaml", clip.size(), clips(radius, strength)).run(clip);
}

double at(const Output& clip, std::size_t frame, std::size_t sample) { return std::to_integer<int>(clip[frame * kFrame + sample]); }

Output expected_of(const Output& clip, int radius, double strength) {
  const int frames = static_cast<int>(clip.size() / kFrame);
  Output calm(clip.size());
  for (int frame = 0; frame < frames; ++frame) {
    for (std::size_t i = 0; i < kFrame; ++i) {
      const double centre = at(clip, static_cast<std::size_t>(frame), i);
      double sum = 0;
      double weights = 0;
      for (int f = std::max(frame - radius, 0); f <= std::min(frame + radius, frames - 1); ++f) {
        const double value = at(clip, static_cast<std::size_t>(f), i);
        const double weight = f == frame ? 1 : std::max(1 - std::abs(value - centre) / strength, 0.0);
        sum += weight * value;
        weights += weight;
      }
      calm[static_cast<std::size_t>(frame) * kFrame + i] = static_cast<std::byte>(static_cast<int>(sum / weights + 0.5));
    }
  }
  return calm;
}

TEST(Clip, IsTheMeanOfWhatIsNear) {
  for (const auto& [frames, radius, strength] : {std::tuple(9, 2, 24.0), {1, 2, 24.0}, {5, 9, 200.0}, {6, 0, 24.0}, {4, 1, 0.5}}) {
    const auto clip = random_bytes(static_cast<std::size_t>(frames) * kFrame);
    EXPECT_LT(different_bytes(run(clip, radius, strength), expected_of(clip, radius, strength), 1), clip.size() / 50)
        << frames << " frames";
  }
}

TEST(Clip, LosesItsNoiseAndKeepsItsCuts) {
  constexpr std::size_t kFrames = 20;
  Output clip = random_bytes(kFrames * kFrame);
  // Dark, then bright from the middle on, with noise of 8 steps.
  for (std::size_t i = 0; i < clip.size(); ++i)
    clip[i] = static_cast<std::byte>((std::to_integer<int>(clip[i]) % 9) + (i < clip.size() / 2 ? 40 : 200));
  const auto calm = run(clip, 2, 24);
  const auto deviation = [](const Output& frames) {
    double sum = 0;
    for (std::size_t i = 0; i < frames.size(); ++i)
      sum += std::pow(std::to_integer<int>(frames[i]) - (i < frames.size() / 2 ? 44 : 204), 2);
    return std::sqrt(sum / static_cast<double>(frames.size()));
  };
  EXPECT_LT(deviation(calm), deviation(clip) * 0.6);
}

TEST(Clip, WithoutStrengthStaysAsItIs) {
  const auto clip = random_bytes(5 * kFrame);
  EXPECT_EQ(run(clip, 2, 0), clip);
}

TEST(Clip, OfNoFramesIsNothing) {
  LoneLane lane("video/clip.yaml", kFrame, clips(2, 24));
  EXPECT_TRUE(lane.run({}).empty());
}

TEST(Clip, OfPartOfAFrameIsRefusedInWords) {
  LoneLane lane("video/clip.yaml", 2 * kFrame, clips(2, 24));
  EXPECT_NE(refusal_by(lane, random_bytes(kFrame + 1)).find("frames of 20 x 10 pixels of 8-bit RGB have 600 bytes each"),
            std::string::npos);
}

}  // namespace
}  // namespace sublet::test
