#pragma once

#include <cstdint>

#include "common/random.hpp"
#include "common/time.hpp"

namespace sublet::test {

/// Every choice that a simulation, or another test with a plan, makes from its seed.
class Dice {
 public:
  explicit Dice(std::uint64_t seed) : random_(seed) {}

  std::uint64_t next() { return random_.next(); }
  /// Uniform in [from, to].
  std::uint64_t between(std::uint64_t from, std::uint64_t to) { return from + next() % (to - from + 1); }
  Nanos between(Nanos from, Nanos to) {
    return from + Nanos(static_cast<Nanos::rep>(next() % static_cast<std::uint64_t>((to - from).count() + 1)));
  }
  bool chance(double probability) { return random_.spread() < probability; }

 private:
  SeededRandom random_;
};

}  // namespace sublet::test
