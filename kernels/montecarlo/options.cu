// European call options by Monte Carlo: each path is one draw of the price at maturity under geometric Brownian motion. Randomness is counted
// rather than kept: Philox 4x32-10 (Salmon, Moraes, Dror and Shaw 2011), keyed by a seed and the option, counting paths, so that a chunk gives
// the same bits wherever and whenever it runs.

constexpr int kThreads = 256;

struct Option {
  float spot;
  float strike;
  float rate;
  float volatility;
  float years;
};

__device__ uint4 philox(uint4 counter, uint2 key) {
  for (int round = 0; round < 10; ++round) {
    const unsigned low0 = 0xD2511F53u * counter.x;
    const unsigned low1 = 0xCD9E8D57u * counter.z;
    counter = {__umulhi(0xCD9E8D57u, counter.z) ^ counter.y ^ key.x, low1, __umulhi(0xD2511F53u, counter.x) ^ counter.w ^ key.y, low0};
    key.x += 0x9E3779B9u;
    key.y += 0xBB67AE85u;
  }
  return counter;
}

/// In (0, 1).
__device__ float uniform(unsigned bits) { return (static_cast<float>(bits >> 8) + 0.5f) * 0x1.0p-24f; }

__device__ float payoff(const Option& option, float drift, float spread, float normal) {
  return fmaxf(option.spot * expf(drift + spread * normal) - option.strike, 0.0f);
}

/// A block to an option; its threads take its paths in turns, two to a draw (Box and Muller 1958).
extern "C" __global__ void price_calls(const Option* options, float* prices, int paths, int seed) {
  __shared__ float sums[kThreads];
  const Option option = options[blockIdx.x];
  const float spread = option.volatility * sqrtf(option.years);
  const float drift = option.rate * option.years - 0.5f * spread * spread;
  float sum = 0.0f;
  for (int pair = threadIdx.x; pair < paths / 2; pair += kThreads) {
    const uint4 bits = philox({static_cast<unsigned>(pair), 0u, 0u, 0u}, {static_cast<unsigned>(seed), blockIdx.x});
    const float radius = sqrtf(-2.0f * logf(uniform(bits.x)));
    float sine, cosine;
    sincospif(2.0f * uniform(bits.y), &sine, &cosine);
    sum += payoff(option, drift, spread, radius * cosine) + payoff(option, drift, spread, radius * sine);
  }
  sums[threadIdx.x] = sum;
  __syncthreads();
  for (int width = kThreads / 2; width > 0; width /= 2) {
    if (threadIdx.x < width) sums[threadIdx.x] += sums[threadIdx.x + width];
    __syncthreads();
  }
  if (threadIdx.x == 0) prices[blockIdx.x] = expf(-option.rate * option.years) * sums[0] / static_cast<float>(paths / 2 * 2);
}
