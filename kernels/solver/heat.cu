// One step of diffusion in a plate by backward Euler: u - k (the sum of u's neighbours - 4 u) = the temperatures before the step. What is
// outside of the plate is as warm as its edge, so no heat is lost. Jacobi's iteration solves it, in two arrays that change places; damped,
// so that what changes its sign from one iteration to the next dies out too.

/// k: the diffusivity times the step, by the square of the cells' distance.
__device__ float correction(const float* before, const float* u, int width, int height, float k, int x, int y) {
  const int i = y * width + x;
  const float here = u[i];
  const float left = u[max(x - 1, 0) + y * width] - here;
  const float right = u[min(x + 1, width - 1) + y * width] - here;
  const float above = u[x + max(y - 1, 0) * width] - here;
  const float below = u[x + min(y + 1, height - 1) * width] - here;
  return (before[i] - here + k * (left + right + above + below)) * (0.8f / (1.0f + 4.0f * k));
}

extern "C" __global__ void jacobi(const float* before, const float* from, float* to, int width, int height, float k) {
  const int x = blockIdx.x * blockDim.x + threadIdx.x;
  const int y = blockIdx.y * blockDim.y + threadIdx.y;
  const int i = y * width + x;
  if (x < width && y < height) to[i] = from[i] + correction(before, from, width, height, k, x, y);
}

extern "C" __global__ void clear_change(float* change) { *change = 0.0f; }

/// The most that one more iteration would change a cell.
extern "C" __global__ void greatest_change(const float* before, const float* u, float* change, int width, int height, float k) {
  __shared__ float greatest[256];
  const int x = blockIdx.x * blockDim.x + threadIdx.x;
  const int y = blockIdx.y * blockDim.y + threadIdx.y;
  const int thread = threadIdx.y * blockDim.x + threadIdx.x;
  const bool inside = x < width && y < height;
  greatest[thread] = inside ? fabsf(correction(before, u, width, height, k, x, y)) : 0.0f;
  __syncthreads();
  for (int half = 128; half > 0; half /= 2) {
    if (thread < half) greatest[thread] = fmaxf(greatest[thread], greatest[thread + half]);
    __syncthreads();
  }
  // Floats that are not negative are ordered as their bits are.
  if (thread == 0) atomicMax(reinterpret_cast<int*>(change), __float_as_int(greatest[0]));
}
