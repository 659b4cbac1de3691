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

/// Threads that share a row of softmax. Few, since most networks tell few classes apart.
constexpr int kSharing = 4;

__device__ float greatest_of_row(float value) {
  for (int step = kSharing / 2; step > 0; step /= 2) value = fmaxf(value, __shfl_xor_sync(0xffffffffu, value, step));
  return value;
}

__device__ float sum_of_row(float value) {
  for (int step = kSharing / 2; step > 0; step /= 2) value += __shfl_xor_sync(0xffffffffu, value, step);
  return value;
}

/// Each row becomes positive and sums up to 1. Four threads for each row, in blocks of whole warps.
extern "C" __global__ void softmax(const float* in, float* out, int rows, int classes) {
  const int thread = blockIdx.x * blockDim.x + threadIdx.x;
  // Threads behind the last row take part in the shuffles of their warp.
  const int row = min(thread / kSharing, rows - 1);
  const int first = row * classes + thread % kSharing;
  const int end = (row + 1) * classes;
  float greatest = -INFINITY;
  for (int i = first; i < end; i += kSharing) greatest = fmaxf(greatest, in[i]);
  greatest = greatest_of_row(greatest);
  float sum = 0.0f;
  for (int i = first; i < end; i += kSharing) sum += expf(in[i] - greatest);
  sum = sum_of_row(sum);
  for (int i = first; i < end; i += kSharing) out[i] = expf(in[i] - greatest) / sum;
}
