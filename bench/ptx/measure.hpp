#pragma once

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <span>
#include <type_traits>
#include <utility>
#include <vector>

#include <fmt/format.h>

#include "common/error.hpp"

namespace sublet::bench {

/// The best of `rounds`, in milliseconds: what the machine can do when nobody disturbs it.
template <class Work>
double best_ms(int rounds, Work work) {
  using Clock = std::chrono::steady_clock;
  double best = 1e300;
  for (int i = 0; i < rounds; ++i) {
    const auto begin = Clock::now();
    work();
    best = std::min(best, std::chrono::duration<double, std::milli>(Clock::now() - begin).count());
  }
  return best;
}

/// The value, or the program's end with the reason.
template <class T>
T must(Result<T> result) {
  if (!result) {
    fmt::print(stderr, "ptx_bench: {}\n", to_text(result.error()));
    std::exit(1);
  }
  if constexpr (!std::is_void_v<T>) return std::move(*result);
}

/// A launch's arguments.
class Arguments {
 public:
  template <class T>
  Arguments& add(T value) {
    const std::size_t at = bytes_.size();
    bytes_.resize(at + sizeof(T));
    std::memcpy(bytes_.data() + at, &value, sizeof(T));
    sizes_.push_back(sizeof(T));
    return *this;
  }
  [[nodiscard]] std::span<const std::byte> bytes() const { return bytes_; }
  [[nodiscard]] std::span<const std::uint32_t> sizes() const { return sizes_; }

 private:
  std::vector<std::byte> bytes_;
  std::vector<std::uint32_t> sizes_;
};

}  // namespace sublet::bench
