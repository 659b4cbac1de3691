// A low-pass filter: 15 taps of a Hamming-windowed sinc with its corner at a tenth of the sampling rate, adding up to 1, but for
// rounding.

constexpr int kTaps = 15;
constexpr int kThreads = 256;

__constant__ float taps[kTaps] = {-0.003592f, -0.004064f, 0.000000f, 0.021251f, 0.067292f, 0.129920f, 0.185382f, 0.207624f, 0.185382f, 0.129920f, 0.067292f, 0.021251f, 0.000000f, -0.004064f, -0.003592f};

/// Outside of the signal there is silence.
extern "C" __global__ void fir(const float* in, float* out, int n) {
  __shared__ float tile[kThreads + kTaps - 1];
  const int first = blockIdx.x * kThreads - kTaps / 2;
  for (int i = threadIdx.x; i < kThreads + kTaps - 1; i += kThreads) {
    const int at = first + i;
    tile[i] = at >= 0 && at < n ? in[at] : 0.0f;
  }
  __syncthreads();
  const int i = blockIdx.x * kThreads + threadIdx.x;
  if (i >= n) return;
  float sum = 0.0f;
  for (int tap = 0; tap < kTaps; ++tap) sum = fmaf(taps[tap], tile[threadIdx.x + tap], sum);
  out[i] = sum;
}
