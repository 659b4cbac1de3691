#include "common/io/random.hpp"

#include <utility>

#include <sodium.h>

namespace sublet::io {

SystemRandom::SystemRandom() {
  // Safe to repeat; it cannot fail where the kernel has getrandom, and randombytes_buf ends the process where nothing random is to be had.
  [[maybe_unused]] const int ready = sodium_init();
}

SystemRandom::~SystemRandom() { sodium_memzero(block_.data(), sizeof block_); }

std::uint64_t SystemRandom::next() {
  if (used_ == block_.size()) {
    randombytes_buf(block_.data(), sizeof block_);
    used_ = 0;
  }
  // A number that was given away stays nowhere in our memory.
  return std::exchange(block_[used_++], 0);
}

}  // namespace sublet::io
