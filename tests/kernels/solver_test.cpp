// heat: a step of diffusion, solved in repeats that stay on the device.

#include <algorithm>
#include <cmath>
#include <numeric>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/kernels/lone_lane.hpp"
#include "tests/support/watched_session.hpp"

namespace sublet::test {
namespace {

using ::testing::HasSubstr;

struct Plate {
  int width;
  int height;
  double k;
};

Settings settings(const Plate& plate, double tolerance) {
  return {{"width", plate.width}, {"height", plate.height}, {"k", plate.k}, {"tolerance", tolerance}};
}

std::vector<float> temperatures(const Plate& plate) {
  SeededRandom random(7);
  std::vector<float> values(static_cast<std::size_t>(plate.width * plate.height));
  for (float& value : values) value = 20 + 80 * static_cast<float>(random.spread());
  return values;
}

/// The sum over a cell's neighbours of what flows there.
double flow(const std::vector<double>& u, const Plate& plate, int x, int y) {
  const auto at = [&](int column, int row) {
    return u[static_cast<std::size_t>(std::clamp(row, 0, plate.height - 1) * plate.width + std::clamp(column, 0, plate.width - 1))];
  };
  return 4 * at(x, y) - at(x - 1, y) - at(x + 1, y) - at(x, y - 1) - at(x, y + 1);
}

/// How far the plate is from u + k * flow = before.
double defect(const std::vector<float>& result, const std::vector<float>& before, const Plate& plate) {
  const std::vector<double> u(result.begin(), result.end());
  double most = 0;
  for (int y = 0; y < plate.height; ++y) {
    for (int x = 0; x < plate.width; ++x) {
      const auto i = static_cast<std::size_t>(y * plate.width + x);
      most = std::max(most, std::abs(u[i] + plate.k * flow(u, plate, x, y) - before[i]));
    }
  }
  return most;
}

TEST(Heat, SolvesTheEquationForPlatesOfAnyShape) {
  for (const Plate& plate : {Plate{1, 1, 5}, {40, 1, 2}, {17, 33, 5}, {64, 48, 0.1}}) {
    SCOPED_TRACE(std::to_string(plate.width) + " x " + std::to_string(plate.height));
    const auto before = temperatures(plate);
    LoneLane lane("solver/heat.yaml", before.size() * sizeof(float), settings(plate, 1e-4));
    const auto after = values_of<float>(lane.run(bytes_of(before)));
    ASSERT_EQ(after.size(), before.size());
    // One iteration more changes a cell by the defect, times 0.8 and divided by 1 + 4 k: less than the tolerance.
    EXPECT_LT(defect(after, before, plate), 1.5e-4 * (1 + 4 * plate.k));
    const auto heat = [](const std::vector<float>& values) { return std::accumulate(values.begin(), values.end(), 0.0); };
    EXPECT_NEAR(heat(after), heat(before), 1e-4 * heat(before)) << "none is lost";
  }
}

TEST(Heat, V3_StepsAThousandTimesWithTenLooks) {
  const Plate plate{24, 24, 66};
  const auto before = temperatures(plate);
  // So much diffusion settles between the ninth and the tenth look.
  const auto bundle = must(load_bundle(SUBLET_SOURCE_DIR "/kernels/solver/heat.yaml"));
  WatchedDevice device(make_cpu_device({}));
  OneLane lane(device, with_settings(bundle, settings(plate, 2e-5)), before.size() * sizeof(float));
  const auto loaded = device.asked().syncs;
  const auto after = values_of<float>(lane.run(bytes_of(before)));
  EXPECT_EQ(device.asked().launches, 1U + 10 * (2 * 50 + 2));
  EXPECT_EQ(device.asked().syncs - loaded, 10U + 1) << "the host waits for the looks, and for the output";
  EXPECT_LT(defect(after, before, plate), 1.5 * 2e-5 * (1 + 4 * plate.k));
}

TEST(Heat, FailsWhereAThousandIterationsDoNotSettleIt) {
  const Plate plate{64, 64, 1000};
  LoneLane lane("solver/heat.yaml", std::size_t{64} * 64 * 4, settings(plate, 1e-4));
  EXPECT_THAT(refusal_by(lane, bytes_of(temperatures(plate))),
              HasSubstr("not_converged: repeat 1: 1000 iterations did not settle; lower k or raise tolerance"));
}

TEST(Heat, TakesWholePlatesOnly) {
  LoneLane lane("solver/heat.yaml", 4096, settings({16, 8, 5}, 1e-4));
  EXPECT_EQ(refusal_by(lane, random_bytes(508)), "bad_size: a plate of 16 x 8 floats has 512 bytes, not 508");
}

}  // namespace
}  // namespace sublet::test
