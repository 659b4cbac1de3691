#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

#include "common/random.hpp"

namespace sublet::io {

/// Randomness that cannot be guessed, from the system, fit for tokens. Used by one thread; draws from the system a block at a time.
class SystemRandom final : public Random {
 public:
  SystemRandom();
  ~SystemRandom() override;
  SystemRandom(const SystemRandom&) = delete;
  SystemRandom& operator=(const SystemRandom&) = delete;

  std::uint64_t next() override;

 private:
  std::array<std::uint64_t, 32> block_{};
  std::size_t used_ = block_.size();
};

}  // namespace sublet::io
