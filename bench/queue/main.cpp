// Figures P1 to P6: chunks per second and round trip through the whole queue, beside ZeroMQ alone and, over Redis, beside Redis
// Streams in the same run.

#include <cstdlib>
#include <string>
#include <vector>

#include <CLI/CLI.hpp>
#include <fmt/format.h>

#include "bench/queue/ceiling.hpp"
#include "bench/queue/many_sessions.hpp"
#include "bench/queue/measure.hpp"
#include "bench/queue/streams.hpp"
#include "bench/queue/table.hpp"
#include "bench/queue/waiting.hpp"
#include "common/pipeline/bundle_file.hpp"
#include "paths.hpp"
#include "tests/support/cluster.hpp"
#include "tests/support/redis_server.hpp"

namespace sublet::bench {
namespace {

struct Options {
  std::string role;
  std::string connect;
  int ready_fd = -1;
  std::size_t repeats = 3;
  std::uint32_t seconds = 5;
  std::size_t sessions = 1;
  std::vector<std::string> only;
  std::string store = "memory:";
  /// Of 256 chunks each.
  std::size_t in_flight = 64;
};

/// The figures with one store behind the broker.
/// @param store    the broker's URL
/// @param streams  Redis Streams on that store's server; null where it is none
int run_on(const Options& options, const std::string& store, Streams* streams) {
  const auto bundle = load_bundle(SUBLET_SOURCE_DIR "/kernels/echo/echo.yaml");
  if (!bundle) {
    fmt::print(stderr, "queue_bench: {}\n", to_text(bundle.error()));
    return 1;
  }
  test::Cluster cluster({"--store", store});
  cluster.add_worker({"--device", "cpu", "--sessions", std::to_string(options.sessions)});
  auto client = Client::connect({.brokers = {cluster.endpoint()}});
  if (!client) {
    fmt::print(stderr, "queue_bench: {}\n", to_text(client.error()));
    return 1;
  }
  Ceiling ceiling;
  Table table(options.repeats,
              streams != nullptr ? std::vector<std::string>{"zeromq alone", "redis streams"} : std::vector<std::string>{"zeromq alone"});
  const auto rates = [&](const Shape& shape) {
    std::vector<Table::Rate> peers = {[&ceiling, shape] { return ceiling.rate(shape); }};
    if (streams != nullptr) peers.emplace_back([streams, shape] { return streams->rate(shape); });
    return peers;
  };
  const auto wanted = [&](const std::string& name) { return options.only.empty() || std::ranges::count(options.only, name) > 0; };
  const Seconds duration{options.seconds};
  const auto batches = [&](const std::string& name, const std::string& label, const Shape& shape) {
    if (!wanted(name)) return;
    table.rate(label, [&] { return batch_rate(*client, *bundle, shape); }, rates(shape));
  };
  batches("64B", "P1  64 B x 256 a batch", {.chunk_bytes = 64, .batch = 256, .in_flight = options.in_flight, .duration = duration});
  batches("1KiB", "P2  1 KiB x 256 a batch", {.chunk_bytes = 1024, .batch = 256, .in_flight = 16, .duration = duration});
  batches("1MiB", "P2  1 MiB x 1 a batch", {.chunk_bytes = 1U << 20U, .batch = 1, .in_flight = 16, .duration = duration});
  if (wanted("reference")) {
    const Shape shape{.chunk_bytes = 1U << 20U, .batch = 1, .in_flight = 64, .duration = duration};
    table.rate(
        "P2  1 MiB by reference", [&] { return reference_rate(*client, *bundle, shape); },
        rates({.chunk_bytes = 1U << 20U, .batch = 1, .in_flight = 16, .duration = duration}));
  }
  if (wanted("single")) {
    const Shape shape{.chunk_bytes = 64, .batch = 1, .in_flight = 16'384, .duration = duration};
    const Shape relayed{.chunk_bytes = 64, .batch = 1, .in_flight = 1'024, .duration = duration};
    table.rate("P1  64 B, 100 threads", [&] { return single_rate(*client, *bundle, shape, 100); }, rates(relayed));
  }
  if (wanted("latency")) {
    constexpr std::size_t kRounds = 5'000;
    std::vector<Table::Trip> peers = {[&] { return ceiling.round_trip(kRounds); }};
    if (streams != nullptr) peers.emplace_back([&] { return streams->round_trip(kRounds); });
    table.latency("P3  one at a time p50/p99", [&] { return round_trip(*client, *bundle, kRounds); }, peers);
  }
  return 0;
}

int run(const Options& options) {
  const auto measures = [&](const std::string& name) { return options.only.empty() || std::ranges::count(options.only, name) > 0; };
  if (measures("sessions")) print_many_sessions();
  if (options.only == std::vector<std::string>{"sessions"}) return 0;
  if (options.store != "redis") return run_on(options, options.store, nullptr);
  for (const auto* policy : {"everysec", "always"}) {
    const test::RedisServer redis({"--appendfsync", policy});
    fmt::print("\nredis-server of its own on a unix socket, appendfsync {}\n", policy);
    Streams streams(redis.address().path);
    if (const auto code = run_on(options, redis.url(), &streams); code != 0) return code;
    const auto wanted = [&](const std::string& name) { return options.only.empty() || std::ranges::count(options.only, name) > 0; };
    if (wanted("waiting") && !print_waiting(redis, Seconds(options.seconds))) return 1;
    if (wanted("takeover") && !print_takeover(redis, options.repeats)) return 1;
  }
  return 0;
}

}  // namespace
}  // namespace sublet::bench

int main(int argc, char** argv) {
  sublet::bench::Options options;
  CLI::App app(
      "Chunks per second and round trip through the queue, beside ZeroMQ alone and Redis Streams.\nExample: queue_bench --only 64B latency "
      "--seconds 10");
  app.add_option("--role", options.role, "relay, echo or consumer: a part of what is measured beside")->group("");
  app.add_option("--connect", options.connect)->group("");
  app.add_option("--ready-fd", options.ready_fd)->group("");
  app.add_option("--repeats", options.repeats, "measurements per figure; the median is printed")->capture_default_str();
  app.add_option("--seconds", options.seconds, "length of one measurement")->capture_default_str();
  app.add_option("--sessions", options.sessions, "session processes of the worker")->capture_default_str();
  app.add_option("--store", options.store, "the broker's store; redis: a server of its own, in both durability classes")
      ->capture_default_str();
  app.add_option("--in-flight", options.in_flight, "batches of 64 B x 256 on their way; a store with a slow disk needs more")
      ->capture_default_str();
  app.add_option("--only", options.only, "64B, 1KiB, 1MiB, reference, single, latency, sessions, waiting, takeover");
  CLI11_PARSE(app, argc, argv);
  if (options.role == "relay") return sublet::bench::run_relay(options.ready_fd);
  if (options.role == "echo") return sublet::bench::run_echo(options.connect, options.ready_fd);
  if (options.role == "consumer") return sublet::bench::run_consumer(options.connect, options.ready_fd);
  return sublet::bench::run(options);
}
