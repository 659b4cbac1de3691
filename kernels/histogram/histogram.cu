// How often each byte occurs. A block counts in shared memory first, since all blocks together count in 256 words.

constexpr int kBins = 256;

extern "C" __global__ void clear(unsigned* bins) { bins[threadIdx.x] = 0; }

extern "C" __global__ void count(const unsigned char* data, unsigned* bins, int n) {
  __shared__ unsigned mine[kBins];
  mine[threadIdx.x] = 0;
  __syncthreads();
  for (int i = blockIdx.x * kBins + threadIdx.x; i < n; i += gridDim.x * kBins) atomicAdd(&mine[data[i]], 1u);
  __syncthreads();
  if (mine[threadIdx.x] != 0) atomicAdd(&bins[threadIdx.x], mine[threadIdx.x]);
}
