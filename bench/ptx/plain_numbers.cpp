#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <numbers>

#include "bench/ptx/plain.hpp"

namespace sublet::bench::plain {
namespace {

constexpr std::array<float, 15> kTaps = {-0.003592F, -0.004064F, 0.000000F, 0.021251F, 0.067292F, 0.129920F,  0.185382F, 0.207624F,
                                         0.185382F,  0.129920F,  0.067292F, 0.021251F, 0.000000F, -0.004064F, -0.003592F};
constexpr std::size_t kPoints = 1024;
constexpr float kPi = std::numbers::pi_v<float>;

using Words = std::array<std::uint32_t, 4>;

Words philox(Words counter, std::uint32_t key0, std::uint32_t key1) {
  for (int round = 0; round < 10; ++round) {
    const std::uint64_t a = 0xD2511F53ULL * counter[0];
    const std::uint64_t b = 0xCD9E8D57ULL * counter[2];
    counter = {static_cast<std::uint32_t>(b >> 32U) ^ counter[1] ^ key0, static_cast<std::uint32_t>(b),
               static_cast<std::uint32_t>(a >> 32U) ^ counter[3] ^ key1, static_cast<std::uint32_t>(a)};
    key0 += 0x9E3779B9U;
    key1 += 0xBB67AE85U;
  }
  return counter;
}

float uniform(std::uint32_t bits) { return (static_cast<float>(bits >> 8U) + 0.5F) * 0x1.0p-24F; }

std::size_t reversed(std::size_t index) {
  std::size_t result = 0;
  for (std::size_t bit = 1; bit < kPoints; bit *= 2, index /= 2) result = 2 * result + index % 2;
  return result;
}

void transform(const float* in, float* out) {
  for (std::size_t i = 0; i < kPoints; ++i) {
    out[2 * reversed(i)] = in[2 * i];
    out[2 * reversed(i) + 1] = in[2 * i + 1];
  }
  for (std::size_t half = 1; half < kPoints; half *= 2) {
    for (std::size_t thread = 0; thread < kPoints / 2; ++thread) {
      const std::size_t offset = thread & (half - 1);
      float* const a = out + 2 * (2 * (thread - offset) + offset);
      float* const b = a + 2 * half;
      const float angle = -kPi * static_cast<float>(offset) / static_cast<float>(half);
      const float sine = std::sin(angle);
      const float cosine = std::cos(angle);
      const float x = b[0] * cosine - b[1] * sine;
      const float y = b[0] * sine + b[1] * cosine;
      b[0] = a[0] - x;
      b[1] = a[1] - y;
      a[0] += x;
      a[1] += y;
    }
  }
}

}  // namespace

void decode(Bytes8 raw, std::span<float> decoded) {
  for (std::size_t i = 0; i < raw.size(); ++i) decoded[i] = static_cast<float>(raw[i]) / 255.0F;
}

void denoise(Floats decoded, std::span<float> smooth, float threshold) {
  for (std::size_t i = 0; i < decoded.size(); ++i) smooth[i] = decoded[i] > threshold ? decoded[i] : 0.0F;
}

void encode(Floats smooth, std::span<std::uint8_t> encoded) {
  for (std::size_t i = 0; i < smooth.size(); ++i) encoded[i] = static_cast<std::uint8_t>(smooth[i] * 255.0F);
}

void scale(std::span<float> data, float factor) {
  for (float& each : data) each *= factor;
}

void bias(std::span<float> data, float by) {
  for (float& each : data) each += by;
}

void fir(Floats in, std::span<float> out) {
  const auto count = static_cast<std::ptrdiff_t>(in.size());
  for (std::ptrdiff_t i = 0; i < count; ++i) {
    float sum = 0;
    for (std::ptrdiff_t tap = 0; tap < 15; ++tap) {
      const auto at = i + tap - 7;
      sum += kTaps[static_cast<std::size_t>(tap)] * (at >= 0 && at < count ? in[static_cast<std::size_t>(at)] : 0.0F);
    }
    out[static_cast<std::size_t>(i)] = sum;
  }
}

void fft(Floats in, std::span<float> out) {
  for (std::size_t row = 0; row < in.size(); row += 2 * kPoints) transform(in.data() + row, out.data() + row);
}

void fold(Floats in, std::span<float> out) {
  float sum = 0;
  float least = std::numeric_limits<float>::infinity();
  float greatest = -least;
  for (const float each : in) {
    sum += each;
    least = std::min(least, each);
    greatest = std::max(greatest, each);
  }
  out[0] = sum;
  out[1] = least;
  out[2] = greatest;
}

void count(Bytes8 data, std::span<std::uint32_t> bins) {
  for (const std::uint8_t each : data) ++bins[each];
}

void dense(Floats in, Floats layer, std::span<float> out, std::size_t inputs, std::size_t outputs) {
  const float* const biases = layer.data() + inputs * outputs;
  for (std::size_t row = 0; row < in.size() / inputs; ++row) {
    float* const sums = out.data() + row * outputs;
    std::copy_n(biases, outputs, sums);
    for (std::size_t i = 0; i < inputs; ++i) {
      for (std::size_t j = 0; j < outputs; ++j) sums[j] += in[row * inputs + i] * layer[i * outputs + j];
    }
    for (std::size_t j = 0; j < outputs; ++j) sums[j] = std::max(sums[j], 0.0F);
  }
}

void softmax(Floats in, std::span<float> out, std::size_t classes) {
  for (std::size_t row = 0; row < in.size(); row += classes) {
    const auto scores = in.subspan(row, classes);
    const float most = *std::ranges::max_element(scores);
    float sum = 0;
    for (std::size_t j = 0; j < classes; ++j) sum += out[row + j] = std::exp(scores[j] - most);
    for (std::size_t j = 0; j < classes; ++j) out[row + j] /= sum;
  }
}

void jacobi(Floats before, Floats from, std::span<float> to, std::size_t width, float k) {
  const std::size_t height = from.size() / width;
  for (std::size_t y = 0; y < height; ++y) {
    for (std::size_t x = 0; x < width; ++x) {
      const std::size_t i = y * width + x;
      const float here = from[i];
      const float left = x > 0 ? from[i - 1] - here : 0.0F;
      const float right = x + 1 < width ? from[i + 1] - here : 0.0F;
      const float above = y > 0 ? from[i - width] - here : 0.0F;
      const float below = y + 1 < height ? from[i + width] - here : 0.0F;
      to[i] = here + 0.8F * (before[i] - here + k * (left + right + above + below)) / (1.0F + 4.0F * k);
    }
  }
}

void price_calls(Floats options, std::span<float> prices, std::uint32_t paths, std::uint32_t seed) {
  for (std::uint32_t number = 0; number < options.size() / 5; ++number) {
    const float* const option = options.data() + 5 * std::size_t{number};
    const float spread = option[3] * std::sqrt(option[4]);
    const float drift = option[2] * option[4] - 0.5F * spread * spread;
    float sum = 0;
    for (std::uint32_t pair = 0; pair < paths / 2; ++pair) {
      const Words bits = philox({pair, 0, 0, 0}, seed, number);
      const float radius = std::sqrt(-2.0F * std::log(uniform(bits[0])));
      const float angle = 2 * kPi * uniform(bits[1]);
      sum += std::max(option[0] * std::exp(drift + spread * radius * std::cos(angle)) - option[1], 0.0F);
      sum += std::max(option[0] * std::exp(drift + spread * radius * std::sin(angle)) - option[1], 0.0F);
    }
    prices[number] = std::exp(-option[2] * option[4]) * sum / static_cast<float>(paths);
  }
}

}  // namespace sublet::bench::plain
