// Images of 8-bit red, green and blue, row by row, without padding.

struct Pixel {
  float red, green, blue;
};

__device__ Pixel read(const unsigned char* image, int width, int x, int y) {
  const unsigned char* at = image + (y * width + x) * 3;
  return {static_cast<float>(at[0]), static_cast<float>(at[1]), static_cast<float>(at[2])};
}

/// Rounded to the nearest, halves up.
__device__ unsigned char to_byte(float value) { return static_cast<unsigned char>(fminf(fmaxf(value + 0.5f, 0.0f), 255.0f)); }

__device__ void write(unsigned char* image, int width, int x, int y, Pixel pixel) {
  unsigned char* at = image + (y * width + x) * 3;
  at[0] = to_byte(pixel.red);
  at[1] = to_byte(pixel.green);
  at[2] = to_byte(pixel.blue);
}

__device__ Pixel mix(Pixel a, Pixel b, float share) {
  return {a.red + (b.red - a.red) * share, a.green + (b.green - a.green) * share, a.blue + (b.blue - a.blue) * share};
}

/// Pixels are areas: the centre of the first lies at half a pixel. Beyond the edge the edge goes on.
extern "C" __global__ void resize_bilinear(const unsigned char* in, unsigned char* out, int width, int height, int out_width, int out_height) {
  const int x = blockIdx.x * blockDim.x + threadIdx.x;
  const int y = blockIdx.y * blockDim.y + threadIdx.y;
  if (x >= out_width || y >= out_height) return;
  const float from_x = fminf(fmaxf((x + 0.5f) * width / out_width - 0.5f, 0.0f), width - 1.0f);
  const float from_y = fminf(fmaxf((y + 0.5f) * height / out_height - 0.5f, 0.0f), height - 1.0f);
  const int left = static_cast<int>(from_x), top = static_cast<int>(from_y);
  const int right = min(left + 1, width - 1), bottom = min(top + 1, height - 1);
  const float share = from_x - left;
  const Pixel above = mix(read(in, width, left, top), read(in, width, right, top), share);
  const Pixel below = mix(read(in, width, left, bottom), read(in, width, right, bottom), share);
  write(out, out_width, x, y, mix(above, below, from_y - top));
}

/// Each new pixel is the mean of what it covers, parts of pixels included.
extern "C" __global__ void resize_area(const unsigned char* in, unsigned char* out, int width, int height, int out_width, int out_height) {
  const int x = blockIdx.x * blockDim.x + threadIdx.x;
  const int y = blockIdx.y * blockDim.y + threadIdx.y;
  if (x >= out_width || y >= out_height) return;
  const float x0 = static_cast<float>(x) * width / out_width, x1 = static_cast<float>(x + 1) * width / out_width;
  const float y0 = static_cast<float>(y) * height / out_height, y1 = static_cast<float>(y + 1) * height / out_height;
  Pixel sum = {0.0f, 0.0f, 0.0f};
  float area = 0.0f;
  for (int v = static_cast<int>(y0); v < min(static_cast<int>(ceilf(y1)), height); ++v) {
    const float tall = fminf(v + 1.0f, y1) - fmaxf(static_cast<float>(v), y0);
    for (int u = static_cast<int>(x0); u < min(static_cast<int>(ceilf(x1)), width); ++u) {
      const float share = tall * (fminf(u + 1.0f, x1) - fmaxf(static_cast<float>(u), x0));
      const Pixel pixel = read(in, width, u, v);
      sum = {sum.red + pixel.red * share, sum.green + pixel.green * share, sum.blue + pixel.blue * share};
      area += share;
    }
  }
  write(out, out_width, x, y, {sum.red / area, sum.green / area, sum.blue / area});
}

/// A warmth, a saturation and a gamma, as one matrix of 3 x 4 and a power.
extern "C" __global__ void correct_colour(const unsigned char* in, unsigned char* out, int pixels, float rr, float rg, float rb, float r1,
                                          float gr, float gg, float gb, float g1, float br, float bg, float bb, float b1, float gamma) {
  const int i = blockIdx.x * blockDim.x + threadIdx.x;
  if (i >= pixels) return;
  const Pixel old = read(in, pixels, i, 0);
  const auto corrected = [gamma](float value) { return 255.0f * powf(fminf(fmaxf(value / 255.0f, 0.0f), 1.0f), gamma); };
  write(out, pixels, i, 0,
        {corrected(rr * old.red + rg * old.green + rb * old.blue + r1), corrected(gr * old.red + gg * old.green + gb * old.blue + g1),
         corrected(br * old.red + bg * old.green + bb * old.blue + b1)});
}

/// Unsharp masking: what a blur of 3 x 3 takes away is added `amount` times.
extern "C" __global__ void sharpen(const unsigned char* in, unsigned char* out, int width, int height, float amount) {
  const int x = blockIdx.x * blockDim.x + threadIdx.x;
  const int y = blockIdx.y * blockDim.y + threadIdx.y;
  if (x >= width || y >= height) return;
  Pixel blur = {0.0f, 0.0f, 0.0f};
  for (int v = -1; v <= 1; ++v) {
    for (int u = -1; u <= 1; ++u) {
      const float share = (u == 0 ? 2.0f : 1.0f) * (v == 0 ? 2.0f : 1.0f) / 16.0f;
      const Pixel near = read(in, width, min(max(x + u, 0), width - 1), min(max(y + v, 0), height - 1));
      blur = {blur.red + near.red * share, blur.green + near.green * share, blur.blue + near.blue * share};
    }
  }
  const Pixel old = read(in, width, x, y);
  write(out, width, x, y,
        {old.red + amount * (old.red - blur.red), old.green + amount * (old.green - blur.green), old.blue + amount * (old.blue - blur.blue)});
}
