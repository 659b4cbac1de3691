#include <algorithm>
#include <array>
#include <cmath>

#include "bench/ptx/plain.hpp"

namespace sublet::bench::plain {
namespace {

using Pixel = std::array<float, 3>;

Pixel read(const std::uint8_t* image, int width, int x, int y) {
  const std::uint8_t* const at = image + (y * width + x) * 3;
  return {static_cast<float>(at[0]), static_cast<float>(at[1]), static_cast<float>(at[2])};
}

void write(std::uint8_t* image, int width, int x, int y, const Pixel& pixel) {
  std::uint8_t* const at = image + (y * width + x) * 3;
  for (std::size_t i = 0; i < 3; ++i) at[i] = static_cast<std::uint8_t>(std::min(std::max(pixel[i] + 0.5F, 0.0F), 255.0F));
}

Pixel mix(const Pixel& a, const Pixel& b, float share) {
  return {a[0] + (b[0] - a[0]) * share, a[1] + (b[1] - a[1]) * share, a[2] + (b[2] - a[2]) * share};
}

float real(int value) { return static_cast<float>(value); }

template <class Work>
void each_pixel(const Sizes& sizes, Work work) {
  for (int y = 0; y < sizes.out_height; ++y) {
    for (int x = 0; x < sizes.out_width; ++x) work(x, y);
  }
}

}  // namespace

void resize_bilinear(Bytes8 in, std::span<std::uint8_t> out, const Sizes& sizes) {
  const auto [width, height, out_width, out_height] = sizes;
  each_pixel(sizes, [&](int x, int y) {
    const float from_x = std::clamp((real(x) + 0.5F) * real(width) / real(out_width) - 0.5F, 0.0F, real(width) - 1.0F);
    const float from_y = std::clamp((real(y) + 0.5F) * real(height) / real(out_height) - 0.5F, 0.0F, real(height) - 1.0F);
    const int left = static_cast<int>(from_x);
    const int top = static_cast<int>(from_y);
    const int right = std::min(left + 1, width - 1);
    const int bottom = std::min(top + 1, height - 1);
    const float share = from_x - real(left);
    const Pixel above = mix(read(in.data(), width, left, top), read(in.data(), width, right, top), share);
    const Pixel below = mix(read(in.data(), width, left, bottom), read(in.data(), width, right, bottom), share);
    write(out.data(), out_width, x, y, mix(above, below, from_y - real(top)));
  });
}

void resize_area(Bytes8 in, std::span<std::uint8_t> out, const Sizes& sizes) {
  const auto [width, height, out_width, out_height] = sizes;
  each_pixel(sizes, [&](int x, int y) {
    const float x0 = real(x) * real(width) / real(out_width);
    const float x1 = real(x + 1) * real(width) / real(out_width);
    const float y0 = real(y) * real(height) / real(out_height);
    const float y1 = real(y + 1) * real(height) / real(out_height);
    Pixel sum = {};
    float area = 0;
    for (int v = static_cast<int>(y0); v < std::min(static_cast<int>(std::ceil(y1)), height); ++v) {
      const float tall = std::min(real(v) + 1, y1) - std::max(real(v), y0);
      for (int u = static_cast<int>(x0); u < std::min(static_cast<int>(std::ceil(x1)), width); ++u) {
        const float share = tall * (std::min(real(u) + 1, x1) - std::max(real(u), x0));
        const Pixel pixel = read(in.data(), width, u, v);
        for (std::size_t i = 0; i < 3; ++i) sum[i] += pixel[i] * share;
        area += share;
      }
    }
    write(out.data(), out_width, x, y, {sum[0] / area, sum[1] / area, sum[2] / area});
  });
}

void correct_colour(Bytes8 in, std::span<std::uint8_t> out, std::span<const float, 12> matrix, float gamma) {
  const auto corrected = [&](const Pixel& old, std::size_t row) {
    const float* const of = matrix.data() + 4 * row;
    const float value = of[0] * old[0] + of[1] * old[1] + of[2] * old[2] + of[3];
    return 255.0F * std::pow(std::min(std::max(value / 255.0F, 0.0F), 1.0F), gamma);
  };
  const int pixels = static_cast<int>(in.size() / 3);
  for (int i = 0; i < pixels; ++i) {
    const Pixel old = read(in.data(), pixels, i, 0);
    write(out.data(), pixels, i, 0, {corrected(old, 0), corrected(old, 1), corrected(old, 2)});
  }
}

void denoise_temporal(Bytes8 in, std::span<std::uint8_t> out, std::size_t samples, int radius, float strength) {
  const int frames = static_cast<int>(in.size() / samples);
  for (int frame = 0; frame < frames; ++frame) {
    const auto of_frame = [&](int f) { return in.data() + static_cast<std::size_t>(f) * samples; };
    for (std::size_t i = 0; i < samples; ++i) {
      const auto centre = static_cast<float>(of_frame(frame)[i]);
      float sum = centre;
      float weights = 1;
      for (int f = std::max(frame - radius, 0); f <= std::min(frame + radius, frames - 1); ++f) {
        if (f == frame) continue;
        const auto value = static_cast<float>(of_frame(f)[i]);
        const float weight = std::max(1 - std::abs(value - centre) / strength, 0.0F);
        sum += weight * value;
        weights += weight;
      }
      out[static_cast<std::size_t>(frame) * samples + i] = static_cast<std::uint8_t>(sum / weights + 0.5F);
    }
  }
}

void sharpen(Bytes8 in, std::span<std::uint8_t> out, const Sizes& sizes, float amount) {
  const int width = sizes.width;
  const int height = sizes.height;
  each_pixel(sizes, [&](int x, int y) {
    Pixel blur = {};
    for (int v = -1; v <= 1; ++v) {
      for (int u = -1; u <= 1; ++u) {
        const float share = (u == 0 ? 2.0F : 1.0F) * (v == 0 ? 2.0F : 1.0F) / 16.0F;
        const Pixel near = read(in.data(), width, std::clamp(x + u, 0, width - 1), std::clamp(y + v, 0, height - 1));
        for (std::size_t i = 0; i < 3; ++i) blur[i] += near[i] * share;
      }
    }
    const Pixel old = read(in.data(), width, x, y);
    write(out.data(), width, x, y,
          {old[0] + amount * (old[0] - blur[0]), old[1] + amount * (old[1] - blur[1]), old[2] + amount * (old[2] - blur[2])});
  });
}

}  // namespace sublet::bench::plain
