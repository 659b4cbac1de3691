#include "bench/queue/table.hpp"

#include <cstdio>

#include <fmt/format.h>

namespace sublet::bench {
namespace {

std::string text(Latency latency) { return fmt::format("{}/{} us", latency.p50.count(), latency.p99.count()); }

double ratio(Latency ours, Latency peer) {
  return static_cast<double>(ours.p50.count()) / static_cast<double>(std::max<std::int64_t>(1, peer.p50.count()));
}

}  // namespace

Table::Table(std::size_t repeats, std::vector<std::string> peers) : repeats_(repeats) {
  fmt::print("{:<28} {:>14}", "figure", "sublet");
  for (const auto& peer : peers) fmt::print(" {:>14} {:>7}", peer, "ratio");
  fmt::print("\n");
}

void Table::rate(const std::string& name, const Rate& ours, const std::vector<Rate>& peers) {
  std::vector<double> our_rates;
  std::vector<std::vector<double>> peer_rates(peers.size());
  for (std::size_t repeat = 0; repeat < repeats_; ++repeat) {
    for (std::size_t peer = 0; peer < peers.size(); ++peer) peer_rates[peer].push_back(peers[peer]());
    our_rates.push_back(ours());
  }
  const double our_rate = median(our_rates);
  fmt::print("{:<28} {:>12.0f}/s", name, our_rate);
  for (const auto& rates : peer_rates) fmt::print(" {:>12.0f}/s {:>7.2f}", median(rates), our_rate / median(rates));
  fmt::print("\n");
  std::fflush(stdout);
}

void Table::latency(const std::string& name, const Trip& ours, const std::vector<Trip>& peers) {
  const Latency our_trip = ours();
  fmt::print("{:<28} {:>14}", name, text(our_trip));
  for (const auto& peer : peers) {
    const Latency peer_trip = peer();
    fmt::print(" {:>14} {:>7.2f}", text(peer_trip), ratio(our_trip, peer_trip));
  }
  fmt::print("\n");
  std::fflush(stdout);
}

}  // namespace sublet::bench
