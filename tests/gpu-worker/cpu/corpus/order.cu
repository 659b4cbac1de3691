// Sums, sorting and counting: shuffles, votes, atomics, threads that leave early.

extern "C" __global__ void reduce_sum(const int* in, long long* out, int n) {
  __shared__ int warps[32];
  int sum = 0;
  for (int i = blockIdx.x * blockDim.x + threadIdx.x; i < n; i += gridDim.x * blockDim.x) {
    sum += in[i];
  }
  for (int by = 16; by > 0; by >>= 1) {
    sum += __shfl_down_sync(0xffffffffu, sum, by);
  }
  const int lane = threadIdx.x % 32, warp = threadIdx.x / 32;
  if (lane == 0) {
    warps[warp] = sum;
  }
  __syncthreads();
  if (warp != 0) {
    return;
  }
  sum = lane < blockDim.x / 32 ? warps[lane] : 0;
  for (int by = 16; by > 0; by >>= 1) {
    sum += __shfl_xor_sync(0xffffffffu, sum, by);
  }
  if (lane == 0) {
    atomicAdd((unsigned long long*)out, (unsigned long long)(long long)sum);
  }
}

extern "C" __global__ void scan(const unsigned* in, unsigned* out, unsigned* totals, int n) {
  __shared__ unsigned warps[32];
  const int i = blockIdx.x * blockDim.x + threadIdx.x;
  const int lane = threadIdx.x & 31, warp = threadIdx.x >> 5;
  unsigned value = i < n ? in[i] : 0;
  for (int by = 1; by < 32; by <<= 1) {
    const unsigned before = __shfl_up_sync(0xffffffffu, value, by);
    if (lane >= by) {
      value += before;
    }
  }
  if (lane == 31) {
    warps[warp] = value;
  }
  __syncthreads();
  if (warp == 0) {
    unsigned total = lane < (blockDim.x >> 5) ? warps[lane] : 0;
    for (int by = 1; by < 32; by <<= 1) {
      const unsigned before = __shfl_up_sync(0xffffffffu, total, by);
      if (lane >= by) {
        total += before;
      }
    }
    warps[lane] = total;
  }
  __syncthreads();
  if (warp > 0) {
    value += warps[warp - 1];
  }
  if (i < n) {
    out[i] = value;
  }
  if (threadIdx.x == blockDim.x - 1) {
    totals[blockIdx.x] = value;
  }
}

extern "C" __global__ void bitonic_sort(int* data, int n) {
  extern __shared__ int values[];
  const int i = threadIdx.x;
  values[i] = i < n ? data[i] : 0x7fffffff;
  __syncthreads();
  for (int size = 2; size <= blockDim.x; size <<= 1) {
    for (int stride = size >> 1; stride > 0; stride >>= 1) {
      const int other = i ^ stride;
      if (other > i) {
        const bool up = (i & size) == 0;
        if ((values[i] > values[other]) == up) {
          const int kept = values[i];
          values[i] = values[other];
          values[other] = kept;
        }
      }
      __syncthreads();
    }
  }
  if (i < n) {
    data[i] = values[i];
  }
}

extern "C" __global__ void radix_pass(const unsigned* in, unsigned* out, int n, int shift) {
  __shared__ unsigned zeros;
  __shared__ unsigned warp_ones[32];
  const int i = threadIdx.x;
  const bool there = i < n;
  const unsigned value = there ? in[i] : 0xffffffffu;
  const bool one = (value >> shift) & 1u;
  const unsigned ballot = __ballot_sync(0xffffffffu, one);
  const int lane = i & 31, warp = i >> 5;
  if (lane == 0) {
    warp_ones[warp] = __popc(ballot);
  }
  const int all_zeros = __syncthreads_count(!one);
  if (i == 0) {
    zeros = all_zeros;
    unsigned sum = 0;
    for (int w = 0; w < blockDim.x / 32; ++w) {
      const unsigned count = warp_ones[w];
      warp_ones[w] = sum;
      sum += count;
    }
  }
  __syncthreads();
  const unsigned ones_before = warp_ones[warp] + __popc(ballot & ((1u << lane) - 1));
  const unsigned to = one ? zeros + ones_before : i - ones_before;
  if (to < n) {
    out[to] = value;
  }
}

extern "C" __global__ void histogram(const unsigned char* in, unsigned* bins, int n) {
  __shared__ unsigned own[256];
  for (int b = threadIdx.x; b < 256; b += blockDim.x) {
    own[b] = 0;
  }
  __syncthreads();
  for (int i = blockIdx.x * blockDim.x + threadIdx.x; i < n; i += gridDim.x * blockDim.x) {
    atomicAdd(&own[in[i]], 1u);
  }
  __syncthreads();
  for (int b = threadIdx.x; b < 256; b += blockDim.x) {
    if (own[b] != 0) {
      atomicAdd(&bins[b], own[b]);
    }
  }
}

extern "C" __global__ void compact(const int* in, int* out, unsigned* count, int n) {
  const int i = blockIdx.x * blockDim.x + threadIdx.x;
  if (i >= n || in[i] % 3 != 0) {
    return;
  }
  const unsigned active = __activemask();
  const int lane = threadIdx.x & 31;
  const int leader = __ffs(active) - 1;
  unsigned base = 0;
  if (lane == leader) {
    base = atomicAdd(count, __popc(active));
  }
  base = __shfl_sync(active, base, leader);
  out[base + __popc(active & ((1u << lane) - 1))] = in[i];
}

// Each block adds what it has; the last one to be done sums everything up.
extern "C" __global__ void last_block_sums(const float* in, volatile float* partial, unsigned* done, float* out, int n) {
  __shared__ float sums[128];
  __shared__ bool last;
  float sum = 0;
  for (int i = blockIdx.x * 128 + threadIdx.x; i < n; i += gridDim.x * 128) {
    sum += in[i];
  }
  sums[threadIdx.x] = sum;
  __syncthreads();
  for (int by = 64; by > 0; by >>= 1) {
    if (threadIdx.x < by) {
      sums[threadIdx.x] += sums[threadIdx.x + by];
    }
    __syncthreads();
  }
  if (threadIdx.x == 0) {
    partial[blockIdx.x] = sums[0];
    __threadfence();
    last = atomicInc(done, gridDim.x - 1) == gridDim.x - 1;
  }
  __syncthreads();
  if (last && threadIdx.x == 0) {
    float total = 0;
    for (int b = 0; b < gridDim.x; ++b) {
      total += partial[b];
    }
    *out = total;
  }
}

// A lock that every thread of every block takes in turn.
extern "C" __global__ void spin_lock(unsigned* lock, volatile unsigned* counter) {
  bool done = false;
  while (!done) {
    if (atomicCAS(lock, 0u, 1u) == 0u) {
      *counter = *counter + 1;
      __threadfence();
      atomicExch(lock, 0u);
      done = true;
    }
  }
}
