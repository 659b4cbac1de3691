// The three steps of the video pipeline, on bytes: decode to [0, 1], cut off what is dark, encode to bytes again. Unmangled names, because
// a pipeline calls kernels by the name that stands in the PTX.

extern "C" __global__ void decode(const unsigned char* raw, float* decoded, int n) {
  const int i = blockIdx.x * blockDim.x + threadIdx.x;
  if (i < n) decoded[i] = (float)raw[i] / 255.0f;
}

extern "C" __global__ void denoise(const float* decoded, float* smooth, int n, float threshold) {
  const int i = blockIdx.x * blockDim.x + threadIdx.x;
  if (i >= n) return;
  const float v = decoded[i];
  smooth[i] = v > threshold ? v : 0.0f;
}

extern "C" __global__ void encode(const float* smooth, unsigned char* encoded, int n) {
  const int i = blockIdx.x * blockDim.x + threadIdx.x;
  if (i < n) encoded[i] = (unsigned char)(smooth[i] * 255.0f);
}
