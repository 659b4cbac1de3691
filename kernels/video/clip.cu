// Noise taken from a clip over time. Frames are 8-bit samples, one frame behind the other.

/// Each sample becomes a mean over the frames around its own, of those that are near it: a sample that differs by `strength` counts for
/// nothing, one that is equal counts whole, so that what moves leaves no trail; by 0, nothing changes. Halves round up. A thread takes one
/// sample of one frame.
extern "C" __global__ void denoise_temporal(const unsigned char* in, unsigned char* out, int samples, int frames, int radius, float strength) {
  const int i = blockIdx.x * blockDim.x + threadIdx.x;
  if (i >= samples) return;
  const int frame = blockIdx.y;
  const float centre = in[static_cast<size_t>(frame) * samples + i];
  float sum = centre, weights = 1.0f;
  for (int f = max(frame - radius, 0); f <= min(frame + radius, frames - 1); ++f) {
    if (f == frame) continue;
    const float value = in[static_cast<size_t>(f) * samples + i];
    const float weight = fmaxf(1.0f - fabsf(value - centre) / strength, 0.0f);
    sum += weight * value;
    weights += weight;
  }
  out[static_cast<size_t>(frame) * samples + i] = static_cast<unsigned char>(sum / weights + 0.5f);
}
