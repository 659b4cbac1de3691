#pragma once

// Figures beside what the same run measured of others.

#include <functional>
#include <string>
#include <vector>

#include "bench/queue/figures.hpp"

namespace sublet::bench {

class Table {
 public:
  /// @param repeats  measurements of each rate, ours and the peers' in turns; the medians are printed
  /// @param peers    what is measured beside the queue, a column each
  Table(std::size_t repeats, std::vector<std::string> peers);

  using Rate = std::function<double()>;
  using Trip = std::function<Latency()>;

  /// @param peers  as many as there are columns
  void rate(const std::string& name, const Rate& ours, const std::vector<Rate>& peers);
  /// Ratios are those of the p50.
  void latency(const std::string& name, const Trip& ours, const std::vector<Trip>& peers);

 private:
  std::size_t repeats_;
};

}  // namespace sublet::bench
