#pragma once

#include <algorithm>
#include <cstdint>
#include <string>

namespace sublet::broker {

/// Whose jobs they are, and what it has had of the cards.
///
/// Fair sharing is start-time fair queueing (Goyal, Vin, Cheng 1996) over the time in which sessions ran chunks: who has had least, by its
/// weight, has the next place. Whoever comes back after a rest begins where the others are, so that a rest saves nothing up.
struct Tenant {
  std::uint32_t number = 0;  ///< in the order in which they came; 0: none
  std::string name;
  double weight = 1;
  double used = 0;                ///< microseconds by its weight
  const double* clock = nullptr;  ///< what the tenant that had a place last had used
  double sizes_clock = 0;         ///< what the size of it that had a place last had used
  std::uint64_t ready = 0;        ///< chunks, of all its sizes
  std::uint64_t leases = 0;
  std::uint64_t sizes = 0;  ///< classes of it; it is forgotten with the last one

  /// Of a place on the cards, by its weight.
  [[nodiscard]] double share() const { return static_cast<double>(leases) / weight; }
};

}  // namespace sublet::broker
