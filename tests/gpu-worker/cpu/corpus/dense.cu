// Matrices, bodies and grids: shared tiles, halos, barriers in loops.

constexpr int kTile = 16;

extern "C" __global__ void matrix_product(const float* a, const float* b, float* c, int n, int inner, int m) {
  __shared__ float left[kTile][kTile];
  __shared__ float right[kTile][kTile + 1];
  const int row = blockIdx.y * kTile + threadIdx.y;
  const int column = blockIdx.x * kTile + threadIdx.x;
  float sum = 0;
  for (int tile = 0; tile < inner; tile += kTile) {
    left[threadIdx.y][threadIdx.x] = row < n && tile + threadIdx.x < inner ? a[row * inner + tile + threadIdx.x] : 0;
    right[threadIdx.y][threadIdx.x] = column < m && tile + threadIdx.y < inner ? b[(tile + threadIdx.y) * m + column] : 0;
    __syncthreads();
    for (int k = 0; k < kTile; ++k) {
      sum = fmaf(left[threadIdx.y][k], right[k][threadIdx.x], sum);
    }
    __syncthreads();
  }
  if (row < n && column < m) {
    c[row * m + column] = sum;
  }
}

extern "C" __global__ void transpose(const float* in, float* out, int rows, int columns) {
  __shared__ float tile[32][33];
  int x = blockIdx.x * 32 + threadIdx.x;
  int y = blockIdx.y * 32 + threadIdx.y;
  for (int j = 0; j < 32; j += 8) {
    if (x < columns && y + j < rows) {
      tile[threadIdx.y + j][threadIdx.x] = in[(y + j) * columns + x];
    }
  }
  __syncthreads();
  x = blockIdx.y * 32 + threadIdx.x;
  y = blockIdx.x * 32 + threadIdx.y;
  for (int j = 0; j < 32; j += 8) {
    if (x < rows && y + j < columns) {
      out[(y + j) * rows + x] = tile[threadIdx.x][threadIdx.y + j];
    }
  }
}

struct Body {
  float x, y, z, mass;
};

extern "C" __global__ void n_body(const Body* bodies, float4* forces, int n, float softening) {
  extern __shared__ Body near[];
  const int i = blockIdx.x * blockDim.x + threadIdx.x;
  const Body own = i < n ? bodies[i] : Body{0, 0, 0, 0};
  float fx = 0, fy = 0, fz = 0;
  for (int first = 0; first < n; first += blockDim.x) {
    if (first + threadIdx.x < n) {
      near[threadIdx.x] = bodies[first + threadIdx.x];
    }
    __syncthreads();
    const int count = min(n - first, (int)blockDim.x);
    for (int k = 0; k < count; ++k) {
      const float dx = near[k].x - own.x, dy = near[k].y - own.y, dz = near[k].z - own.z;
      const float square = fmaf(dx, dx, fmaf(dy, dy, fmaf(dz, dz, softening)));
      const float inverse = 1.0f / sqrtf(square);
      const float scale = near[k].mass * (inverse * inverse * inverse);
      fx = fmaf(dx, scale, fx);
      fy = fmaf(dy, scale, fy);
      fz = fmaf(dz, scale, fz);
    }
    __syncthreads();
  }
  if (i < n) {
    forces[i] = make_float4(fx, fy, fz, own.mass);
  }
}

extern "C" __global__ void heat(const float* in, float* out, int width, int height) {
  __shared__ float halo[18][18];
  const int x = blockIdx.x * 16 + threadIdx.x;
  const int y = blockIdx.y * 16 + threadIdx.y;
  const int lx = threadIdx.x + 1, ly = threadIdx.y + 1;
  auto at = [&](int px, int py) { return in[min(max(py, 0), height - 1) * width + min(max(px, 0), width - 1)]; };
  halo[ly][lx] = at(x, y);
  if (threadIdx.x == 0) halo[ly][0] = at(x - 1, y);
  if (threadIdx.x == 15) halo[ly][17] = at(x + 1, y);
  if (threadIdx.y == 0) halo[0][lx] = at(x, y - 1);
  if (threadIdx.y == 15) halo[17][lx] = at(x, y + 1);
  __syncthreads();
  if (x >= width || y >= height) {
    return;
  }
  const float sum = __fadd_rn(__fadd_rn(halo[ly - 1][lx], halo[ly + 1][lx]), __fadd_rn(halo[ly][lx - 1], halo[ly][lx + 1]));
  out[y * width + x] = fmaf(0.2f, sum - 4 * halo[ly][lx], halo[ly][lx]);
}

extern "C" __global__ void mandelbrot(unsigned* out, int width, int height, float left, float top, float step, unsigned most) {
  const int x = blockIdx.x * blockDim.x + threadIdx.x;
  const int y = blockIdx.y * blockDim.y + threadIdx.y;
  if (x >= width || y >= height) {
    return;
  }
  const float cx = fmaf((float)x, step, left), cy = fmaf((float)y, step, top);
  float zx = 0, zy = 0;
  unsigned n = 0;
  while (n < most) {
    const float xx = __fmul_rn(zx, zx), yy = __fmul_rn(zy, zy);
    if (__fadd_rn(xx, yy) > 4.0f) {
      break;
    }
    zy = fmaf(2.0f * zx, zy, cy);
    zx = __fadd_rn(__fsub_rn(xx, yy), cx);
    ++n;
  }
  out[y * width + x] = n;
}
