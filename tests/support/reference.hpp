#pragma once

// What the pipelines of kernels/ must answer, in plain C++, one element at a time, with the same float operations in the same order.

#include <bit>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <vector>

#include "common/bytes.hpp"

namespace sublet::test {

/// kernels/video/video.yaml.
inline std::vector<std::byte> video_reference(ByteView raw, float threshold) {
  std::vector<std::byte> encoded(raw.size());
  for (std::size_t i = 0; i < raw.size(); ++i) {
    const float decoded = static_cast<float>(std::to_integer<unsigned char>(raw[i])) / 255.0F;
    const float smooth = decoded > threshold ? decoded : 0.0F;
    encoded[i] = static_cast<std::byte>(static_cast<unsigned char>(smooth * 255.0F));
  }
  return encoded;
}

struct ScaleBias {
  float factor = 2;
  float bias = 10;
};

/// What single-precision arithmetic answers on a card in place of any NaN (PTX ISA, section on floating-point instructions).
inline constexpr std::uint32_t kCanonicalNan = 0x7fffffff;

/// kernels/transform/scale_bias.yaml: bytes after the last whole float stay as they are.
inline std::vector<std::byte> scale_bias_reference(ByteView data, ScaleBias numbers = {}) {
  std::vector<std::byte> result(data.begin(), data.end());
  for (std::size_t at = 0; at + sizeof(float) <= result.size(); at += sizeof(float)) {
    float value = 0;
    std::memcpy(&value, result.data() + at, sizeof(float));
    value = value * numbers.factor;
    value = value + numbers.bias;
    if (std::isnan(value)) value = std::bit_cast<float>(kCanonicalNan);
    std::memcpy(result.data() + at, &value, sizeof(float));
  }
  return result;
}

}  // namespace sublet::test
