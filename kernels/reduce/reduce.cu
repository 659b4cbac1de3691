// Sum, least and greatest of floats: each block folds a stride of the input, then one block folds what the blocks came to. The order of the
// additions depends on the length alone, so the same input gives the same bits again.

constexpr int kThreads = 256;

struct Fold {
  float sum;
  float least;
  float greatest;
};

__device__ Fold fold(Fold a, Fold b) { return {a.sum + b.sum, fminf(a.least, b.least), fmaxf(a.greatest, b.greatest)}; }

/// What the block's threads hold, in thread 0.
__device__ Fold fold_block(Fold mine) {
  __shared__ Fold folds[kThreads];
  folds[threadIdx.x] = mine;
  __syncthreads();
  for (int width = kThreads / 2; width > 0; width /= 2) {
    if (threadIdx.x < width) folds[threadIdx.x] = fold(folds[threadIdx.x], folds[threadIdx.x + width]);
    __syncthreads();
  }
  return folds[0];
}

extern "C" __global__ void fold_input(const float* data, Fold* partials, int n) {
  Fold mine = {0.0f, INFINITY, -INFINITY};
  for (int i = blockIdx.x * kThreads + threadIdx.x; i < n; i += gridDim.x * kThreads) mine = fold(mine, {data[i], data[i], data[i]});
  const Fold all = fold_block(mine);
  if (threadIdx.x == 0) partials[blockIdx.x] = all;
}

extern "C" __global__ void fold_partials(const Fold* partials, Fold* result, int count) {
  Fold mine = {0.0f, INFINITY, -INFINITY};
  for (int i = threadIdx.x; i < count; i += kThreads) mine = fold(mine, partials[i]);
  const Fold all = fold_block(mine);
  if (threadIdx.x == 0) *result = all;
}
