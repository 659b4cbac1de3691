// Layers of a neural network on rows of floats. A layer's resident holds `inputs` rows of `outputs` weights and behind them one of biases.

constexpr int kTile = 16;

/// relu 1: what is below 0 becomes 0. Blocks of 16 x 16 threads, outputs in x, rows in y.
extern "C" __global__ void dense(const float* in, const float* layer, float* out, int rows, int inputs, int outputs, int relu) {
  __shared__ float values[kTile][kTile];
  __shared__ float weights[kTile][kTile];
  const int column = blockIdx.x * kTile + threadIdx.x;
  const int row = blockIdx.y * kTile + threadIdx.y;
  float sum = 0.0f;
  for (int first = 0; first < inputs; first += kTile) {
    const int input = first + threadIdx.x;
    values[threadIdx.y][threadIdx.x] = row < rows && input < inputs ? in[row * inputs + input] : 0.0f;
    const int line = first + threadIdx.y;
    weights[threadIdx.y][threadIdx.x] = column < outputs && line < inputs ? layer[line * outputs + column] : 0.0f;
    __syncthreads();
    for (int i = 0; i < kTile; ++i) sum = fmaf(values[threadIdx.y][i], weights[i][threadIdx.x], sum);
    __syncthreads();
  }
  if (row >= rows || column >= outputs) return;
  sum += layer[inputs * outputs + column];
  out[row * outputs + column] = relu != 0 ? fmaxf(sum, 0.0f) : sum;
}

__device__ float greatest_of_warp(float value) {
  for (int step = 16; step > 0; step /= 2) value = fmaxf(value, __shfl_xor_sync(0xffffffffu, value, step));
  return value;
}

__device__ float sum_of_warp(float value) {
  for (int step = 16; step > 0; step /= 2) value += __shfl_xor_sync(0xffffffffu, value, step);
  return value;
}

/// Each row becomes positive and sums up to 1. A warp for each row: blocks of whole warps.
extern "C" __global__ void softmax(const float* in, float* out, int rows, int classes) {
  const int row = (blockIdx.x * blockDim.x + threadIdx.x) / 32;
  const int lane = threadIdx.x % 32;
  if (row >= rows) return;
  const float* scores = in + row * classes;
  float greatest = -INFINITY;
  for (int i = lane; i < classes; i += 32) greatest = fmaxf(greatest, scores[i]);
  greatest = greatest_of_warp(greatest);
  float sum = 0.0f;
  for (int i = lane; i < classes; i += 32) sum += expf(scores[i] - greatest);
  sum = sum_of_warp(sum);
  for (int i = lane; i < classes; i += 32) out[row * classes + i] = expf(scores[i] - greatest) / sum;
}
