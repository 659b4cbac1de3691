// Integer and float arithmetic, structures, tables, and a switch.
struct Mixed {
  float4 a;
  int2 b;
  double c;
  short s;
  char k;
};
extern "C" __global__ void structures(const Mixed* in, Mixed* out, int n, Mixed by, float k) {
  int i = blockIdx.x * blockDim.x + threadIdx.x;
  if (i < n) {
    Mixed p = in[i];
    p.a.x += by.a.y;
    p.a.w *= k;
    p.b.y /= by.b.x;
    p.c = sqrt(p.c) + by.c;
    p.s %= 7;
    p.k += by.k;
    out[i] = p;
  }
}
extern "C" __global__ void integers(const long long* a, const long long* b, long long* out, int n) {
  int i = blockIdx.x * blockDim.x + threadIdx.x;
  if (i < n) {
    long long x = a[i], y = b[i];
    out[i] = x / y + x % y + (long long)((unsigned long long)x / (unsigned long long)y) + __mul64hi(x, y) + __popcll(x) + __clzll(y) +
             (x >> (y & 63)) + (long long)__brevll(x) + __ffsll(y);
  }
}
extern "C" __global__ void small_integers(const int* a, const int* b, int* out, int n) {
  int i = blockIdx.x * blockDim.x + threadIdx.x;
  if (i < n) {
    int x = a[i], y = b[i];
    unsigned u = x, v = y;
    short s = (short)x;
    signed char c = (signed char)y;
    out[i] = x / y - x % y + (int)(u / v) + (int)(u % v) + s * c + (s >> 3) + min(x, y) + max((int)u, 3) + abs(y) + __clz(x) + __popc(y) +
             (int)__brev(u) + (int)__funnelshift_l(u, v, 5) + (int)__byte_perm(u, v, 0x6420) + (x ^ y & ~u | v) + (x & 0xff00) / 3;
  }
}
extern "C" __global__ void choose(const int* in, int* out, int n) {
  int i = blockIdx.x * blockDim.x + threadIdx.x;
  if (i < n) {
    int r;
    switch (in[i]) {
      case 0: r = 4; break;
      case 1: r = 7; break;
      case 2: r = in[0] * 3; break;
      case 3: r = 99; break;
      case 4: r = i; break;
      case 5: r = i * i; break;
      default: r = -1;
    }
    out[i] = r;
  }
}
extern "C" __global__ void exact(const float* a, const float* b, float* out, int n) {
  int i = blockIdx.x * blockDim.x + threadIdx.x;
  if (i < n) {
    float x = a[i], y = b[i];
    out[i] = fmaf(x, y, x / y) + sqrtf(fabsf(x)) - 1.0f / y + fminf(x, y) * fmaxf(x, y) + floorf(x) + truncf(y) + (float)(int)x + (float)(unsigned)y +
             __fadd_rz(x, y) + __fmul_ru(x, y) + (float)((double)x * (double)y);
  }
}
__constant__ float table[4] = {1.5f, -2.0f, 0.25f, 1e9f};
__device__ int counts[3] = {10, 20, 30};
extern "C" __global__ void tables(const int* in, float* out, int n) {
  int i = blockIdx.x * blockDim.x + threadIdx.x;
  if (i < n) out[i] = table[in[i] & 3] + (float)counts[in[i] % 3];
}
