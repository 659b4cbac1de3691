#include <algorithm>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "bench/card/figures.hpp"
#include "bench/card/steady_burst.hpp"
#include "common/io/clock.hpp"
#include "common/pipeline/bundle_file.hpp"
#include "tests/support/cluster.hpp"

namespace sublet::bench {
namespace {

constexpr std::uint64_t kTenants = 12;

std::string name_of(std::uint64_t tenant) { return fmt::format("tenant-{}", tenant); }
double weight_of(std::uint64_t tenant) { return static_cast<double>(1 + tenant % 3); }

/// What one tenant alone has per second.
double rate_alone(const Bundle& video, Seconds duration) {
  test::Cluster cluster;
  cluster.add_worker({"--device", "cuda", "--sessions", "1"});
  SteadyBurst burst(cluster.endpoint(), video, {});
  const std::uint64_t before = burst.seen();
  std::this_thread::sleep_for(duration);
  const double rate = static_cast<double>(burst.seen() - before) / static_cast<double>(duration.count());
  burst.end();
  return rate;
}

}  // namespace

void print_tenants(const std::string& kernels, Seconds duration) {
  const Bundle video = must(load_bundle(kernels + "/video/video.yaml"));
  const double alone = rate_alone(video, 5s);
  std::vector<std::string> weights;
  for (std::uint64_t i = 0; i < kTenants; ++i) {
    weights.insert(weights.end(), {"--tenant-weight", fmt::format("{}={}", name_of(i), weight_of(i))});
  }
  test::Cluster cluster(weights);
  cluster.add_worker({"--device", "cuda", "--sessions", "1"});
  std::vector<std::unique_ptr<SteadyBurst>> bursts(kTenants);
  {
    std::vector<std::jthread> starting;
    for (std::uint64_t i = 0; i < kTenants; ++i) {
      starting.emplace_back(
          [&, i] { bursts[i] = std::make_unique<SteadyBurst>(cluster.endpoint(), video, JobSpec{.tenant = name_of(i)}); });
    }
  }
  std::vector<std::uint64_t> before;
  for (const auto& burst : bursts) before.push_back(burst->seen());
  std::this_thread::sleep_for(duration);
  double whole = 0;
  double weight = 0;
  std::vector<double> had;
  for (std::uint64_t i = 0; i < kTenants; ++i) {
    had.push_back(static_cast<double>(bursts[i]->seen() - before[i]));
    whole += had.back();
    weight += weight_of(i);
  }
  fmt::print("\n{:<12} {:>7} {:>12} {:>16}   ({} s by turns on one session; target 0.80 to 1.20)\n", "tenant", "weight", "segments",
             "share by weight", duration.count());
  for (std::uint64_t i = 0; i < kTenants; ++i) {
    fmt::print("{:<12} {:>7} {:>12.0f} {:>16.2f}\n", name_of(i), weight_of(i), had[i], had[i] / whole * weight / weight_of(i));
  }
  const double together = whole / static_cast<double>(duration.count());
  fmt::print("together {:.0f}/s, one of them alone {:.0f}/s: {:.2f}\n", together, alone, together / alone);
  for (const auto& burst : bursts) {
    const std::string said = burst->end();
    if (!said.starts_with("all")) fmt::print("{}\n", said);
  }
}

}  // namespace sublet::bench
