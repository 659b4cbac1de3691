// Segments per second over a card: a program written on the CUDA driver for this alone, Sublet's lanes, and the whole queue, in one run.

#include <string>
#include <vector>

#include <CLI/CLI.hpp>

#include "bench/card/figures.hpp"
#include "common/pipeline/bundle_file.hpp"
#include "gpu-worker/devices/cuda/driver.hpp"
#include "gpu-worker/devices/cuda/nvml.hpp"
#include "tests/support/cluster.hpp"
#include "tests/support/source.hpp"

namespace sublet::bench {
namespace {

std::string size_text(std::size_t bytes) {
  return bytes >= (1U << 20U) ? fmt::format("{} MiB", bytes >> 20U) : fmt::format("{} KiB", bytes >> 10U);
}

void print_burst(const std::string& kernels, Millis duration, std::uint32_t sessions) {
  Bundle video = must(load_bundle(kernels + "/video/video.yaml"));
  fmt::print("\n{:<10} {:>12} {:>12} {:>7} {:>14} {:>7}\n", "segment", "handwritten", "lanes", "ratio", "whole queue", "ratio");
  for (const std::size_t bytes : {std::size_t{4} << 10U, std::size_t{64} << 10U, std::size_t{1} << 20U, std::size_t{16} << 20U}) {
    const Burst burst{.video = video, .segment_bytes = bytes, .lanes = 4, .duration = duration};
    const double ceiling = handwritten_rate(burst);
    const double lanes = lanes_rate(burst);
    test::Cluster cluster;
    cluster.add_worker({"--device", "cuda", "--sessions", std::to_string(sessions)});
    const double queue = queue_rate(burst, cluster.endpoint());
    fmt::print("{:<10} {:>10.0f}/s {:>10.0f}/s {:>7.2f} {:>12.0f}/s {:>7.2f}\n", size_text(bytes), ceiling, lanes, lanes / ceiling, queue,
               queue / ceiling);
    std::fflush(stdout);
  }
}

}  // namespace
}  // namespace sublet::bench

int main(int argc, char** argv) {
  using namespace sublet;
  std::string kernels = test::source("kernels");
  std::uint32_t seconds = 3;
  std::uint32_t sessions = 4;
  CLI::App app("Segments per second over a card, beside a program written for this alone.\nExample: card_bench --seconds 10");
  app.add_option("--kernels", kernels, "folder of the ready pipelines")->capture_default_str();
  app.add_option("--seconds", seconds, "length of one measurement")->capture_default_str();
  app.add_option("--sessions", sessions, "sessions of the whole queue's worker")->capture_default_str();
  CLI11_PARSE(app, argc, argv);
  const auto driver = cuda::Driver::load();
  if (!driver) {
    fmt::print("card_bench: skipped: {}\n", driver.error().detail);
    return 0;
  }
  const auto card = bench::must(bench::must(cuda::Nvml::load()).cards()).front();
  fmt::print("{}, driver for CUDA {}.{}\n", card.name, (*driver)->version() / 1000, (*driver)->version() % 1000 / 10);
  bench::print_overlap();
  bench::print_burst(kernels, Seconds(seconds), sessions);
  return 0;
}
