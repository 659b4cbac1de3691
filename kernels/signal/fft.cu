// Discrete Fourier transforms of 1,024 complex points each, one to a block: radix 2, in shared memory, by decimation in time
// (Cooley and Tukey 1965).

constexpr int kPoints = 1024;
constexpr int kBits = 10;

extern "C" __global__ void fft1024(const float2* in, float2* out) {
  __shared__ float2 points[kPoints];
  const int row = blockIdx.x * kPoints;
  for (int i = threadIdx.x; i < kPoints; i += blockDim.x) points[__brev(i) >> (32 - kBits)] = in[row + i];
  __syncthreads();
  for (int half = 1; half < kPoints; half *= 2) {
    const int offset = threadIdx.x & (half - 1);
    const int low = 2 * (threadIdx.x - offset) + offset;
    float sine, cosine;
    sincospif(-static_cast<float>(offset) / half, &sine, &cosine);
    const float2 a = points[low];
    const float2 b = points[low + half];
    const float2 turned = {b.x * cosine - b.y * sine, b.x * sine + b.y * cosine};
    points[low] = {a.x + turned.x, a.y + turned.y};
    points[low + half] = {a.x - turned.x, a.y - turned.y};
    __syncthreads();
  }
  for (int i = threadIdx.x; i < kPoints; i += blockDim.x) out[row + i] = points[i];
}
