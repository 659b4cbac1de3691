// Segments per second over a card: a program written on the CUDA driver for this alone, Sublet's lanes, and the whole queue, in one run.

#include <algorithm>
#include <string>
#include <vector>

#include <CLI/CLI.hpp>

#include "bench/card/figures.hpp"
#include "common/pipeline/bundle_file.hpp"
#include "gpu-worker/devices/cuda/driver.hpp"
#include "gpu-worker/devices/cuda/nvml.hpp"
#include "tests/support/cluster.hpp"
#include "tests/support/redis_server.hpp"
#include "tests/support/source.hpp"

namespace sublet::bench {
namespace {

constexpr std::size_t kSizes[] = {std::size_t{4} << 10U, std::size_t{64} << 10U, std::size_t{1} << 20U, std::size_t{16} << 20U};
constexpr std::size_t kSmallSizes[] = {kSizes[0], kSizes[1]};

/// Of a whole cluster with one worker on the card.
double whole_rate(const Burst& burst, std::uint32_t sessions, Travel travel, const std::vector<std::string>& broker = {},
                  std::size_t cards = 1) {
  test::Cluster cluster(broker);
  cluster.add_worker({"--device", "cuda", "--sessions", std::to_string(sessions), "--cards", std::to_string(cards)});
  return queue_rate(burst, cluster.endpoint(), travel);
}

void print_ratio(double rate, double ceiling) {
  fmt::print(" {:>10.0f}/s {:>5.2f}", rate, rate / ceiling);
  std::fflush(stdout);
}

void print_burst(const Bundle& video, Millis duration, std::uint32_t sessions) {
  fmt::print("\n{:<8} {:>12} {:>12} {:>5} {:>12} {:>5} {:>12} {:>5}\n", "segment", "handwritten", "lanes", "ratio", "by reference", "ratio",
             "by sockets", "ratio");
  for (const std::size_t bytes : kSizes) {
    const Burst burst{.video = video, .segment_bytes = bytes, .lanes = 4, .duration = duration};
    const double ceiling = handwritten_rate(burst);
    fmt::print("{:<8} {:>10.0f}/s", size_text(bytes), ceiling);
    print_ratio(lanes_rate(burst), ceiling);
    print_ratio(whole_rate(burst, sessions, Travel::by_reference), ceiling);
    print_ratio(whole_rate(burst, sessions, Travel::through_the_queue), ceiling);
    fmt::print("\n");
  }
}

/// Payloads and outputs through Redis with an append-only file, beside Redis alone.
void print_burst_over_redis(const Bundle& video, Millis duration, std::uint32_t sessions) {
  fmt::print("\n{:<8} {:>12} {:>12} {:>5}   (appendfsync everysec)\n", "segment", "redis alone", "over redis", "ratio");
  for (const std::size_t bytes : kSizes) {
    const Burst burst{.video = video, .segment_bytes = bytes, .lanes = 4, .duration = duration};
    const test::RedisServer redis({"--appendfsync", "everysec"});
    const double ceiling = redis_rate(burst, redis.socket());
    fmt::print("{:<8} {:>10.0f}/s", size_text(bytes), ceiling);
    print_ratio(whole_rate(burst, sessions, Travel::through_the_queue, {"--store", redis.url() + "?durability=fast"}), ceiling);
    fmt::print("\n");
  }
}

/// More lanes against one; by graphs and, as the target has it, by single launches.
void print_lanes(const Bundle& video, Millis duration) {
  fmt::print("\n{:<8} {:>12} {:>12} {:>5} {:>12} {:>5}   {}\n", "segment", "1 lane", "2 lanes", "ratio", "4 lanes", "ratio",
             "P8, without graphs (targets 1.5 and 2.0)");
  for (const std::size_t bytes : kSizes) {
    const auto rate = [&](std::size_t lanes) {
      return lanes_rate({.video = video, .segment_bytes = bytes, .lanes = lanes, .duration = duration}, false);
    };
    const double one = rate(1);
    fmt::print("{:<8} {:>10.0f}/s", size_text(bytes), one);
    print_ratio(rate(2), one);
    print_ratio(rate(4), one);
    fmt::print("\n");
  }
}

/// How many lanes pay where a chunk is one call.
void print_lanes_of_graphs(const Bundle& video, Millis duration) {
  fmt::print("\n{:<8} {:>12} {:>12} {:>5} {:>12} {:>5} {:>12} {:>5}   by graphs\n", "segment", "1 lane", "2 lanes", "ratio", "4 lanes",
             "ratio", "8 lanes", "ratio");
  for (const std::size_t bytes : kSizes) {
    const auto rate = [&](std::size_t lanes) {
      return lanes_rate({.video = video, .segment_bytes = bytes, .lanes = lanes, .duration = duration});
    };
    const double one = rate(1);
    fmt::print("{:<8} {:>10.0f}/s", size_text(bytes), one);
    for (const std::size_t lanes : {2, 4, 8}) print_ratio(rate(lanes), one);
    fmt::print("\n");
  }
}

/// What segments would gain that share a copy each way: decision 19.
void print_groups(const Bundle& video, Millis duration) {
  fmt::print("\n{:<8} {:>12} {:>12} {:>5} {:>12} {:>5}   handwritten, segments that share their copies\n", "segment", "1 of a copy",
             "4 of a copy", "ratio", "16", "ratio");
  for (const std::size_t bytes : kSmallSizes) {
    const Burst burst{.video = video, .segment_bytes = bytes, .lanes = 4, .duration = duration};
    const double one = handwritten_rate(burst);
    fmt::print("{:<8} {:>10.0f}/s", size_text(bytes), one);
    for (const std::size_t group : {4, 16}) print_ratio(handwritten_rate(burst, group), one);
    fmt::print("\n");
  }
}

/// One burst over one card and over more.
void print_cards(const Bundle& video, Millis duration, std::uint32_t sessions, std::size_t cards) {
  fmt::print("\n{:<8} {:>12}", "segment", "1 card");
  for (std::size_t count = 2; count <= cards; ++count) fmt::print(" {:>6} cards {:>5}", count, "ratio");
  fmt::print("   (by reference)\n");
  for (const std::size_t bytes : kSizes) {
    const Burst burst{.video = video, .segment_bytes = bytes, .lanes = 4, .duration = duration};
    const double one = whole_rate(burst, sessions, Travel::by_reference);
    fmt::print("{:<8} {:>10.0f}/s", size_text(bytes), one);
    for (std::size_t count = 2; count <= cards; ++count) {
      print_ratio(whole_rate(burst, static_cast<std::uint32_t>(sessions * count), Travel::by_reference, {}, count), one);
    }
    fmt::print("\n");
  }
}

}  // namespace
}  // namespace sublet::bench

int main(int argc, char** argv) {
  using namespace sublet;
  std::string kernels = test::source("kernels");
  std::uint32_t seconds = 3;
  std::uint32_t sessions = 4;
  std::uint32_t tenants_seconds = 60;
  std::vector<std::string> only = {"overlap", "burst", "redis", "lanes", "groups", "leases", "faults", "tenants", "cards"};
  CLI::App app(
      "What a card does through Sublet, beside programs written for that alone.\nExample: card_bench --seconds 10 --only burst,lanes");
  app.add_option("--only", only, "some of: overlap burst redis lanes groups leases faults tenants cards")
      ->delimiter(',')
      ->check(CLI::IsMember(only));
  app.add_option("--kernels", kernels, "folder of the ready pipelines")->capture_default_str();
  app.add_option("--seconds", seconds, "length of one measurement")->capture_default_str();
  app.add_option("--sessions", sessions, "sessions of the whole queue's worker")->capture_default_str();
  app.add_option("--tenants-seconds", tenants_seconds, "how long tenants have turns")->capture_default_str();
  CLI11_PARSE(app, argc, argv);
  const auto driver = cuda::Driver::load();
  if (!driver) {
    fmt::print("card_bench: skipped: {}\n", driver.error().detail);
    return 0;
  }
  const auto cards = bench::must(bench::must(cuda::Nvml::load()).cards());
  fmt::print("{} x {}, driver for CUDA {}.{}\n", cards.size(), cards.front().name, (*driver)->version() / 1000,
             (*driver)->version() % 1000 / 10);
  const Bundle video = bench::must(load_bundle(kernels + "/video/video.yaml"));
  const Seconds duration(seconds);
  const auto wanted = [&](const char* part) { return std::ranges::find(only, part) != only.end(); };
  if (wanted("overlap")) bench::print_overlap();
  if (wanted("burst")) bench::print_burst(video, duration, sessions);
  if (wanted("redis")) bench::print_burst_over_redis(video, duration, sessions);
  if (wanted("lanes")) {
    bench::print_lanes(video, duration);
    bench::print_lanes_of_graphs(video, duration);
  }
  if (wanted("groups")) bench::print_groups(video, duration);
  if (wanted("cards")) bench::print_cards(video, duration, sessions, cards.size());
  if (wanted("leases")) bench::print_leases(kernels);
  if (wanted("faults")) bench::print_faults(kernels);
  if (wanted("tenants")) bench::print_tenants(kernels, Seconds(tenants_seconds));
  return 0;
}
