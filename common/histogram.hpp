#pragma once

#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>

namespace sublet {

/// Counts of observed values by power of two: the first `Buckets - 1` buckets hold the values up to 1, 2, 4, 8 …, the last one all that are
/// larger. Observing costs a few instructions, so it may stand on the hot path.
template <std::size_t Buckets>
class Histogram {
 public:
  constexpr void observe(std::uint64_t value, std::uint64_t times = 1) {
    const auto bucket = value <= 1 ? std::size_t{0} : static_cast<std::size_t>(std::bit_width(value - 1));
    counts_[bucket < Buckets ? bucket : Buckets - 1] += times;
    sum_ += value * times;
  }

  /// Of one bucket alone.
  [[nodiscard]] constexpr std::uint64_t count(std::size_t bucket) const { return counts_[bucket]; }
  /// The largest value that a bucket but the last holds.
  static constexpr std::uint64_t bound(std::size_t bucket) { return std::uint64_t{1} << bucket; }
  static constexpr std::size_t buckets() { return Buckets; }
  [[nodiscard]] constexpr std::uint64_t sum() const { return sum_; }
  [[nodiscard]] constexpr std::uint64_t total() const {
    std::uint64_t total = 0;
    for (const auto count : counts_) total += count;
    return total;
  }

  /// As if both had observed everything.
  constexpr Histogram& operator+=(const Histogram& more) {
    for (std::size_t bucket = 0; bucket < Buckets; ++bucket) counts_[bucket] += more.counts_[bucket];
    sum_ += more.sum_;
    return *this;
  }

  constexpr bool operator==(const Histogram&) const = default;

 private:
  std::array<std::uint64_t, Buckets> counts_{};
  std::uint64_t sum_ = 0;
};

/// Chunks in a message: up to 65,536.
using SizeHistogram = Histogram<18>;
/// Microseconds: up to 67 s.
using MicrosHistogram = Histogram<28>;

}  // namespace sublet
