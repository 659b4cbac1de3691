#pragma once

// The shipped kernels as a program would write them: one loop over the data, for one thread, left to the compiler at -O3.

#include <cstddef>
#include <cstdint>
#include <span>

namespace sublet::bench::plain {

using Bytes8 = std::span<const std::uint8_t>;
using Floats = std::span<const float>;

void decode(Bytes8 raw, std::span<float> decoded);
void denoise(Floats decoded, std::span<float> smooth, float threshold);
void encode(Floats smooth, std::span<std::uint8_t> encoded);
void scale(std::span<float> data, float factor);
void bias(std::span<float> data, float by);
void fir(Floats in, std::span<float> out);
/// Rows of 1,024 complex points.
void fft(Floats in, std::span<float> out);
/// Sum, least, greatest.
void fold(Floats in, std::span<float> out);
void count(Bytes8 data, std::span<std::uint32_t> bins);
/// Options of five floats.
void price_calls(Floats options, std::span<float> prices, std::uint32_t paths, std::uint32_t seed);

/// Rows of floats times a layer's weights, and its biases; what is below 0 becomes 0.
void dense(Floats in, Floats layer, std::span<float> out, std::size_t inputs, std::size_t outputs);
/// Rows of `classes` floats.
void softmax(Floats in, std::span<float> out, std::size_t classes);
/// One iteration in a plate of `width` columns.
void jacobi(Floats before, Floats from, std::span<float> to, std::size_t width, float k);

/// Width and height of what goes in and of what comes out; 8-bit RGB.
struct Sizes {
  int width = 0;
  int height = 0;
  int out_width = 0;
  int out_height = 0;
};

void resize_bilinear(Bytes8 in, std::span<std::uint8_t> out, const Sizes& sizes);
void resize_area(Bytes8 in, std::span<std::uint8_t> out, const Sizes& sizes);
/// @param matrix  3 x 4, row by row
void correct_colour(Bytes8 in, std::span<std::uint8_t> out, std::span<const float, 12> matrix, float gamma);
/// @param samples  of a frame
void denoise_temporal(Bytes8 in, std::span<std::uint8_t> out, std::size_t samples, int radius, float strength);
void sharpen(Bytes8 in, std::span<std::uint8_t> out, const Sizes& sizes, float amount);

}  // namespace sublet::bench::plain
