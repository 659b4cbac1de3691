// Pipelines over images: photo, enlarge; and each of their kernels by itself.

#include <algorithm>
#include <array>
#include <cmath>

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "common/wire/chunk_header.hpp"
#include "gpu-worker/session/picture.hpp"
#include "tests/kernels/lone_lane.hpp"
#include "tests/support/near.hpp"

namespace sublet::test {
namespace {

/// 8-bit RGB.
struct Image {
  int width = 0;
  int height = 0;
  Output bytes;

  Image(int its_width, int its_height)
      : width(its_width), height(its_height), bytes(static_cast<std::size_t>(its_width * its_height * 3)) {}
  [[nodiscard]] double at(int x, int y, int channel) const {
    const int inside = (std::clamp(y, 0, height - 1) * width + std::clamp(x, 0, width - 1)) * 3 + channel;
    return std::to_integer<int>(bytes[static_cast<std::size_t>(inside)]);
  }
  void set(int x, int y, int channel, double value) {
    bytes[static_cast<std::size_t>((y * width + x) * 3 + channel)] =
        static_cast<std::byte>(static_cast<int>(std::clamp(value + 0.5, 0.0, 255.0)));
  }
};

Image noise(int width, int height) {
  Image image(width, height);
  image.bytes = random_bytes(image.bytes.size());
  return image;
}

template <class Value>
Image image_of(int width, int height, Value value) {
  Image image(width, height);
  for (int y = 0; y < height; ++y) {
    for (int x = 0; x < width; ++x) {
      for (int channel = 0; channel < 3; ++channel) image.set(x, y, channel, value(x, y, channel));
    }
  }
  return image;
}

Image enlarged(const Image& in, int width, int height) {
  return image_of(width, height, [&](int x, int y, int channel) {
    const double u = std::clamp((x + 0.5) * in.width / width - 0.5, 0.0, in.width - 1.0);
    const double v = std::clamp((y + 0.5) * in.height / height - 0.5, 0.0, in.height - 1.0);
    const int left = static_cast<int>(u);
    const int top = static_cast<int>(v);
    const auto row = [&](int y0) { return std::lerp(in.at(left, y0, channel), in.at(left + 1, y0, channel), u - left); };
    return std::lerp(row(top), row(top + 1), v - top);
  });
}

Image reduced(const Image& in, int width, int height) {
  return image_of(width, height, [&](int x, int y, int channel) {
    const double x0 = double(x) * in.width / width;
    const double x1 = double(x + 1) * in.width / width;
    const double y0 = double(y) * in.height / height;
    const double y1 = double(y + 1) * in.height / height;
    double sum = 0;
    for (int v = static_cast<int>(y0); v < std::ceil(y1); ++v) {
      for (int u = static_cast<int>(x0); u < std::ceil(x1); ++u) {
        const double share = (std::min(u + 1.0, x1) - std::max<double>(u, x0)) * (std::min(v + 1.0, y1) - std::max<double>(v, y0));
        sum += std::max(share, 0.0) * in.at(u, v, channel);
      }
    }
    return sum / ((x1 - x0) * (y1 - y0));
  });
}

/// The matrix and the power of photo.yaml.
Image corrected(const Image& in) {
  constexpr double kMatrix[3][4] = {{1.08, -0.06, -0.02, 4}, {-0.04, 1.07, -0.03, 0}, {-0.02, -0.08, 1.10, -4}};
  return image_of(in.width, in.height, [&](int x, int y, int channel) {
    double value = kMatrix[channel][3];
    for (int from = 0; from < 3; ++from) value += kMatrix[channel][from] * in.at(x, y, from);
    return 255 * std::pow(std::clamp(value / 255, 0.0, 1.0), 0.95);
  });
}

Image sharpened(const Image& in, double amount) {
  return image_of(in.width, in.height, [&](int x, int y, int channel) {
    double blur = 0;
    for (int v = -1; v <= 1; ++v) {
      for (int u = -1; u <= 1; ++u) blur += (u == 0 ? 2 : 1) * (v == 0 ? 2 : 1) * in.at(x + u, y + v, channel) / 16;
    }
    return in.at(x, y, channel) + amount * (in.at(x, y, channel) - blur);
  });
}

void expect_like(const Output& output, const Image& expected, int tolerance) {
  EXPECT_LE(different_bytes(output, expected.bytes, tolerance), expected.bytes.size() / 50);
}

Settings sizes(int width, int height, int out_width, int out_height) {
  return {{"width", width}, {"height", height}, {"out_width", out_width}, {"out_height", out_height}};
}

TEST(Photo, IsCorrectedMadeSmallerAndSharpened) {
  const auto in = noise(101, 77);
  LoneLane lane("image/photo.yaml", in.bytes.size(), sizes(101, 77, 40, 31));
  expect_like(lane.run(in.bytes), sharpened(reduced(corrected(in), 40, 31), 0.8), 3);
}

TEST(Photo, OfAnotherSizeThanSaidIsRefused) {
  const auto in = noise(10, 10);
  for (const auto* pipeline : {"image/photo.yaml", "image/enlarge.yaml"}) {
    LoneLane lane(pipeline, in.bytes.size() + 100, sizes(10, 10, 5, 5));
    for (const std::size_t size : {0, 270, 400}) {
      EXPECT_EQ(refusal_by(lane, random_bytes(size)),
                fmt::format("bad_size: an image of 10 x 10 pixels of 8-bit RGB has 300 bytes, this has {}; set width and height", size));
    }
    EXPECT_EQ(lane.run(in.bytes).size(), 75U) << "chunks of the right size go on as before";
  }
}

TEST(Enlarge, IsBilinear) {
  const auto in = noise(33, 20);
  LoneLane lane("image/enlarge.yaml", in.bytes.size(), sizes(33, 20, 100, 61));
  expect_like(lane.run(in.bytes), enlarged(in, 100, 61), 1);
}

TEST(Enlarge, ToItsOwnSizeChangesNothing) {
  const auto in = noise(33, 20);
  EXPECT_EQ(LoneLane("image/enlarge.yaml", in.bytes.size(), sizes(33, 20, 33, 20)).run(in.bytes), in.bytes);
}

Output png_of(const Image& image) {
  const std::array<session::NamedValue, 2> values = {
      {{"width", static_cast<std::uint64_t>(image.width)}, {"height", static_cast<std::uint64_t>(image.height)}}};
  return must(session::encode_picture({.data = image.bytes, .values = values, .room = 2 * image.bytes.size() + 65'536, .time_limit = 1s}))
      .data;
}

Output in_a_chunk(const Output& file) {
  const std::array<wire::NamedData, 1> input = {wire::NamedData("file", file)};
  return wire::make_chunk({}, input);
}

TEST(Pictures, MakesFilesOfAnySizeReadyToBeShown) {
  LoneLane lane("image/pictures.yaml", 400'000, {{"shrink", 3}});
  for (const auto& [width, height] : {std::pair(90, 60), {301, 203}, {1, 1}}) {
    const auto image = noise(width, height);
    const auto output = lane.run(in_a_chunk(png_of(image)));
    const auto decoded = must(session::decode_picture({.data = output, .values = {}, .room = std::size_t{1} << 20U, .time_limit = 1s}));
    EXPECT_EQ(decoded.values[0].second, (width + 2) / 3);
    EXPECT_EQ(decoded.values[1].second, (height + 2) / 3);
    expect_like(decoded.data, sharpened(reduced(corrected(image), (width + 2) / 3, (height + 2) / 3), 0.8), 3);
  }
}

TEST(Pictures, RefusesWhatIsNoPicture) {
  LoneLane lane("image/pictures.yaml", 400'000);
  EXPECT_EQ(refusal_by(lane, in_a_chunk(random_bytes(1000))),
            "host_stage_failed: host stage 1 (decode_picture): neither a PNG nor a JPEG file");
  EXPECT_EQ(refusal_by(lane, in_a_chunk(png_of(noise(6145, 2)))),
            "bad_parameter: host stage 1 (decode_picture): \"width\" is 6145, and not from 1 to 6144");
}

}  // namespace
}  // namespace sublet::test
