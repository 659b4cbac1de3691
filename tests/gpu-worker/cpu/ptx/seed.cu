// The video pipeline, and loops whose threads part.
extern "C" __global__ void decode(const unsigned char* raw, float* decoded, int n) {
  int i = blockIdx.x * blockDim.x + threadIdx.x;
  if (i < n) decoded[i] = raw[i] / 255.0f;
}
extern "C" __global__ void denoise(const float* data, float* output, int n, float threshold) {
  int i = blockIdx.x * blockDim.x + threadIdx.x;
  if (i < n) {
    float v = data[i];
    output[i] = v > threshold ? v : 0.0f;
  }
}
extern "C" __global__ void encode(const float* in, unsigned char* out, int n) {
  int i = blockIdx.x * blockDim.x + threadIdx.x;
  if (i < n) out[i] = (unsigned char)(in[i] * 255.0f);
}
extern "C" __global__ void scale(float* data, int n, float factor) {
  int i = blockIdx.x * blockDim.x + threadIdx.x;
  if (i < n) data[i] *= factor;
}
extern "C" __global__ void bias(float* data, int n, float by) {
  int i = blockIdx.x * blockDim.x + threadIdx.x;
  if (i < n) data[i] += by;
}
extern "C" __global__ void collatz(const unsigned* in, unsigned* out, int n) {
  int i = blockIdx.x * blockDim.x + threadIdx.x;
  if (i >= n) return;
  unsigned v = in[i];
  unsigned count = 0;
  while (v > 1) {
    if (v & 1)
      v = 3 * v + 1;
    else
      v /= 2;
    if (++count > 1000) break;
  }
  out[i] = count;
}
extern "C" __global__ void nested(const int* in, int* out, int n) {
  int i = blockIdx.x * blockDim.x + threadIdx.x;
  if (i >= n) return;
  int sum = 0;
  for (int a = 0; a < in[i] % 7; ++a) {
    if (a == 3) continue;
    for (int b = a; b < 5; ++b) {
      if ((i + b) % 5 == 0) break;
      sum += a * b + 1;
    }
    if (sum > 40) {
      out[i] = -sum;
      return;
    }
  }
  out[i] = sum;
}
extern "C" __global__ void spin(volatile int* flag) {
  while (*flag == 0) {
  }
}
extern "C" __global__ void poke(int* where, long long index) { where[index] = 7; }
extern "C" __global__ void where_am_i(unsigned* out) {
  unsigned block = (blockIdx.z * gridDim.y + blockIdx.y) * gridDim.x + blockIdx.x;
  unsigned thread = (threadIdx.z * blockDim.y + threadIdx.y) * blockDim.x + threadIdx.x;
  unsigned size = blockDim.x * blockDim.y * blockDim.z;
  out[block * size + thread] = (blockIdx.x << 24) + (blockIdx.y << 20) + (blockIdx.z << 16) + (threadIdx.x << 8) + (threadIdx.y << 4) + threadIdx.z;
}
extern "C" __global__ void __launch_bounds__(64) bounded(int* out) { out[threadIdx.x] = 1; }
