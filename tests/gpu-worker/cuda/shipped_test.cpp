// Every ready pipeline on a card and on the CPU device: the same bytes, or nearly, where its kernels use what the PTX ISA leaves to a
// device: how .approx rounds, and whether a product without a rounding modifier is joined with the sum behind it. Skipped where there is
// no card.

#include <algorithm>
#include <array>
#include <cmath>
#include <cstring>
#include <filesystem>
#include <functional>
#include <ostream>
#include <set>

#include "common/pipeline/bundle_file.hpp"
#include "common/random.hpp"
#include "common/wire/chunk_header.hpp"
#include "gpu-worker/devices/cpu/device.hpp"
#include "gpu-worker/session/picture.hpp"
#include "tests/gpu-worker/cuda/card.hpp"
#include "tests/support/near.hpp"
#include "tests/support/one_lane.hpp"
#include "tests/support/source.hpp"

namespace sublet::test {
namespace {

using Bytes = Output;

float unit(Random& random) { return static_cast<float>(random.next() >> 40U) / static_cast<float>(1U << 24U); }

Bytes any_bytes(std::size_t size, Random& random) {
  Bytes bytes(size);
  for (std::byte& byte : bytes) byte = static_cast<std::byte>(random.next() >> 56U);
  return bytes;
}

Bytes bytes_of(const std::vector<float>& values) {
  Bytes bytes(values.size() * sizeof(float));
  if (!bytes.empty()) std::memcpy(bytes.data(), values.data(), bytes.size());
  return bytes;
}

/// From -1 to 1.
Bytes floats(std::size_t size, Random& random) {
  std::vector<float> values(size / sizeof(float));
  for (float& value : values) value = 2 * unit(random) - 1;
  return bytes_of(values);
}

/// Spot, strike, rate, volatility, years.
Bytes options(std::size_t size, Random& random) {
  std::vector<float> values;
  while (values.size() < size / sizeof(float)) {
    for (const auto& [least, span] : {std::pair(50.0F, 100.0F), {50.0F, 100.0F}, {0.0F, 0.1F}, {0.1F, 0.4F}, {0.1F, 2.0F}})
      values.push_back(least + span * unit(random));
  }
  return bytes_of(values);
}

void expect_equal(const Bytes& output, const Bytes& expected) { EXPECT_EQ(output, expected); }

void expect_bytes_near(const Bytes& output, const Bytes& expected) {
  EXPECT_LE(different_bytes(output, expected, 2), expected.size() / 1000);
}

void expect_floats_near(const Bytes& output, const Bytes& expected) {
  ASSERT_EQ(output.size(), expected.size());
  for (std::size_t at = 0; at < output.size(); at += sizeof(float)) {
    float got = 0;
    float wanted = 0;
    std::memcpy(&got, output.data() + at, sizeof(float));
    std::memcpy(&wanted, expected.data() + at, sizeof(float));
    ASSERT_NEAR(got, wanted, 1e-4 * std::max(1.0F, std::abs(wanted))) << "float " << at / sizeof(float);
  }
}

/// A chunk of `pictures`: a header that says nothing, and a PNG file of noise.
Bytes picture_file(std::size_t /*size*/, Random& random) {
  constexpr std::uint64_t kWidth = 150;
  constexpr std::uint64_t kHeight = 110;
  const auto pixels = any_bytes(kWidth * kHeight * 3, random);
  const std::array<session::NamedValue, 2> values = {{{"width", kWidth}, {"height", kHeight}}};
  const auto file = must(session::encode_picture({.data = pixels, .values = values, .room = 2 * pixels.size(), .time_limit = 1s})).data;
  const std::array<wire::NamedData, 1> input = {wire::NamedData("file", file)};
  return wire::make_chunk({}, input);
}

void expect_pictures_near(const Bytes& output, const Bytes& expected) {
  const auto pixels = [](const Bytes& file) {
    return must(session::decode_picture({.data = file, .values = {}, .room = std::size_t{1} << 20U, .time_limit = 1s})).data;
  };
  expect_bytes_near(pixels(output), pixels(expected));
}

struct ShippedPipeline {
  std::string file;
  /// In bytes, the largest last.
  std::vector<std::size_t> lengths;
  std::function<Bytes(std::size_t, Random&)> chunk = any_bytes;
  std::function<void(const Bytes&, const Bytes&)> expect = expect_equal;
};

void PrintTo(const ShippedPipeline& pipeline, std::ostream* out) { *out << pipeline.file; }

std::vector<ShippedPipeline> shipped_pipelines() {
  const std::vector<std::size_t> any{0, 4, 256, 260, 4096, 1'000'000};
  constexpr std::size_t kFrame = 640 * 480 * 3;
  return {{.file = "echo/echo.yaml", .lengths = any},
          {.file = "video/video.yaml", .lengths = any},
          {.file = "video/clip.yaml", .lengths = {0, kFrame, 7 * kFrame}},
          {.file = "transform/scale_bias.yaml", .lengths = any},
          {.file = "reduce/reduce.yaml", .lengths = any, .chunk = floats},
          {.file = "histogram/histogram.yaml", .lengths = any},
          {.file = "signal/fir.yaml", .lengths = any, .chunk = floats},
          {.file = "signal/fft.yaml", .lengths = {0, 8192, 10 * 8192}, .chunk = floats, .expect = expect_floats_near},
          {.file = "montecarlo/options.yaml", .lengths = {0, 20, 60}, .chunk = options, .expect = expect_floats_near},
          {.file = "solver/heat.yaml", .lengths = {256 * 256 * 4}, .chunk = floats, .expect = expect_floats_near},
          {.file = "inference/digits.yaml", .lengths = {0, 256, 1000 * 256}, .chunk = floats, .expect = expect_floats_near},
          {.file = "image/pictures.yaml", .lengths = {100'000}, .chunk = picture_file, .expect = expect_pictures_near},
          {.file = "image/photo.yaml", .lengths = {kFrame}, .expect = expect_bytes_near},
          {.file = "image/enlarge.yaml", .lengths = {320 * 240 * 3}}};
}

std::string name_of(const ShippedPipeline& pipeline) { return std::filesystem::path(pipeline.file).stem().string(); }

/// Also where there is no card: a pipeline without a line above would be run on none.
TEST(Shipped, AllAreComparedOnACard) {
  std::set<std::string> listed;
  for (const auto& pipeline : shipped_pipelines()) listed.insert(name_of(pipeline));
  std::set<std::string> there;
  for (const auto& entry : std::filesystem::recursive_directory_iterator(source("kernels"))) {
    if (entry.path().extension() == ".yaml") there.insert(entry.path().stem().string());
  }
  EXPECT_EQ(listed, there);
}

class ShippedOnACard : public ::testing::TestWithParam<ShippedPipeline> {};

TEST_P(ShippedOnACard, V5_GivesWhatTheCpuDeviceGives) {
  const auto card = first_card();
  if (card == nullptr) {
    GTEST_SKIP() << "this host has no CUDA card";
  }
  const auto& pipeline = GetParam();
  const auto cpu = make_cpu_device({.total = 2_GiB, .threads = 1});
  const auto bundle = must(load_bundle(source("kernels/" + pipeline.file)));
  OneLane on_card(*card, bundle, pipeline.lengths.back());
  OneLane on_cpu(*cpu, bundle, pipeline.lengths.back());
  SeededRandom random(1);
  for (const std::size_t n : pipeline.lengths) {
    SCOPED_TRACE(std::to_string(n) + " bytes");
    const auto input = pipeline.chunk(n, random);
    const auto expected = on_cpu.run(input);
    const auto first = on_card.run(input);
    pipeline.expect(first, expected);
    // The second launch of the same shape becomes a graph, and that one runs with other bytes.
    EXPECT_EQ(on_card.run(input), first) << "second time";
    const auto other = pipeline.chunk(n, random);
    const auto by_graph = on_card.run(other);
    pipeline.expect(by_graph, on_cpu.run(other));
    EXPECT_EQ(on_card.run(input, true), first) << "traced";
  }
}

INSTANTIATE_TEST_SUITE_P(Pipelines, ShippedOnACard, ::testing::ValuesIn(shipped_pipelines()),
                         [](const auto& given) { return name_of(given.param); });

}  // namespace
}  // namespace sublet::test
