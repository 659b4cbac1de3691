// Pictures, text, numbers: constant and local memory, calls, tables, 64 bits, doubles, approximate functions.

__constant__ float kWeights[5] = {0.0625f, 0.25f, 0.375f, 0.25f, 0.0625f};
__device__ int kOffsets[4] = {3, 1, 4, 1};

extern "C" __global__ void blur_row(const unsigned char* in, unsigned char* out, int width, int height) {
  const int x = blockIdx.x * blockDim.x + threadIdx.x;
  const int y = blockIdx.y;
  if (x >= width || y >= height) {
    return;
  }
  float sum = 0;
  for (int k = -2; k <= 2; ++k) {
    sum = fmaf(kWeights[k + 2], (float)in[y * width + min(max(x + k, 0), width - 1)], sum);
  }
  out[y * width + x] = (unsigned char)__float2int_rn(sum);
}

extern "C" __global__ void bilateral(const float* in, float* out, int width, int height, float space, float tone) {
  const int x = blockIdx.x * blockDim.x + threadIdx.x;
  const int y = blockIdx.y * blockDim.y + threadIdx.y;
  if (x >= width || y >= height) {
    return;
  }
  const float own = in[y * width + x];
  float sum = 0, weights = 0;
  for (int dy = -2; dy <= 2; ++dy) {
    for (int dx = -2; dx <= 2; ++dx) {
      const int px = x + dx, py = y + dy;
      if (px < 0 || py < 0 || px >= width || py >= height) {
        continue;
      }
      const float value = in[py * width + px];
      const float weight = __expf(-(dx * dx + dy * dy) * space - (value - own) * (value - own) * tone);
      sum += weight * value;
      weights += weight;
    }
  }
  out[y * width + x] = __fdividef(sum, weights);
}

extern "C" __global__ void find_text(const char* text, int length, const char* word, int size, int* places, unsigned* count, unsigned room) {
  const int at = blockIdx.x * blockDim.x + threadIdx.x;
  if (at + size > length) {
    return;
  }
  for (int k = 0; k < size; ++k) {
    if (text[at + k] != word[k]) {
      return;
    }
  }
  const unsigned slot = atomicAdd(count, 1u);
  if (slot < room) {
    places[slot] = at;
  }
}

__device__ __noinline__ int ackermann(int m, int n) {
  return m == 0 ? n + 1 : (n == 0 ? ackermann(m - 1, 1) : ackermann(m - 1, ackermann(m, n - 1)));
}
__device__ __noinline__ long long power(long long base, unsigned exponent) {
  return exponent == 0 ? 1 : (exponent % 2 != 0 ? base : 1) * power(base * base, exponent / 2);
}
extern "C" __global__ void recursion(const int* in, long long* out, int n) {
  const int i = blockIdx.x * blockDim.x + threadIdx.x;
  if (i < n) {
    out[i] = power(in[i] % 7 - 3, in[i] % 11) + ackermann(in[i] & 1, in[i] % 5);
  }
}

typedef int (*Operation)(int, int);
__device__ int add(int a, int b) { return a + b; }
__device__ int subtract(int a, int b) { return a - b; }
__device__ int multiply(int a, int b) { return a * b; }
__device__ Operation kOperations[3] = {add, subtract, multiply};
extern "C" __global__ void dispatch(const int* in, int* out, int n) {
  const int i = blockIdx.x * blockDim.x + threadIdx.x;
  if (i < n) {
    out[i] = kOperations[(unsigned)in[i] % 3](in[i], i) + kOffsets[i & 3];
  }
}

extern "C" __global__ void machine(const unsigned char* code, int size, const int* in, int* out, int n) {
  const int i = blockIdx.x * blockDim.x + threadIdx.x;
  if (i >= n) {
    return;
  }
  int stack[8] = {in[i], i};
  int top = 2;
  for (int at = 0; at < size; ++at) {
    int& a = stack[(top - 1) & 7];
    int& b = stack[(top - 2) & 7];
    switch (code[at] & 15) {
      case 0: a += 1; break;
      case 1: b += a; --top; break;
      case 2: b -= a; --top; break;
      case 3: b *= a; --top; break;
      case 4: stack[top++ & 7] = a; break;
      case 5: a = -a; break;
      case 6: a ^= 0x55; break;
      case 7: if (a < 0) at += 2; break;
      case 8: a <<= 3; break;
      case 9: a >>= 1; break;
      case 10: stack[top++ & 7] = i; break;
      case 11: a = (int)__brev((unsigned)a); break;
      case 12: a = b; break;
      case 13: a = __popc((unsigned)a); break;
      case 14: b = a % 17; break;
      default: a = ~a; break;
    }
    top = max(top, 2);
  }
  out[i] = stack[(top - 1) & 7] ^ top;
}

extern "C" __global__ void wide_product(const unsigned long long* a, const unsigned long long* b, unsigned long long* out, int n) {
  const int i = blockIdx.x * blockDim.x + threadIdx.x;
  if (i < n) {
    unsigned long long low, high;
    asm("mad.lo.cc.u64 %0, %2, %3, %2;\n\tmadc.hi.u64 %1, %2, %3, %3;" : "=l"(low), "=l"(high) : "l"(a[i]), "l"(b[i]));
    out[2 * i] = low;
    out[2 * i + 1] = high;
  }
}

extern "C" __global__ void doubles(const double* in, double* out, int n) {
  const int i = blockIdx.x * blockDim.x + threadIdx.x;
  if (i < n) {
    double x = in[i];
    double y = 1;
    for (int k = 0; k < 20; ++k) {
      y = 0.5 * (y + x / y);
    }
    out[i] = fma(y, y, -x) + (double)(long long)(x * 3.0) + floor(y);
  }
}

extern "C" __global__ void waves(const float* in, float* out, int n) {
  const int i = blockIdx.x * blockDim.x + threadIdx.x;
  if (i < n) {
    const float x = in[i];
    out[i] = sinf(x) + cosf(2 * x) * __expf(-x * 0.125f) + powf(x + 1.0f, 1.5f) + log2f(x + 1.0f);
  }
}
