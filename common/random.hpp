#pragma once

#include <cstdint>

#include "common/ids.hpp"

namespace sublet {

/// Where pure code gets its randomness from. Production draws from the system (`common/io/random.hpp`), tests and simulations from a seed.
class Random {
 public:
  virtual ~Random() = default;
  virtual std::uint64_t next() = 0;

  Token token() { return {.high = next(), .low = next()}; }
  /// Uniform in [0, 1).
  double spread() { return static_cast<double>(next() >> 11U) * 0x1.0p-53; }
};

/// SplitMix64 (Steele, Lea, Flood 2014): fast, and repeatable from its seed. Not for secrets.
class SeededRandom final : public Random {
 public:
  explicit SeededRandom(std::uint64_t seed) : state_(seed) {}

  std::uint64_t next() override {
    state_ += 0x9e3779b97f4a7c15U;
    std::uint64_t z = state_;
    z = (z ^ (z >> 30U)) * 0xbf58476d1ce4e5b9U;
    z = (z ^ (z >> 27U)) * 0x94d049bb133111ebU;
    return z ^ (z >> 31U);
  }

 private:
  std::uint64_t state_;
};

}  // namespace sublet
