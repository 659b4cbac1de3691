#include "bench/queue/waiting.hpp"

#include <charconv>
#include <fstream>
#include <string>
#include <vector>

#include <fmt/format.h>
#include <unistd.h>

#include "bench/queue/measure.hpp"
#include "common/io/clock.hpp"
#include "common/pipeline/bundle_file.hpp"
#include "paths.hpp"
#include "tests/support/cluster.hpp"

namespace sublet::bench {
namespace {

constexpr std::size_t kChunkBytes = 64;
constexpr std::uint64_t kMillion = 1'000'000;
constexpr std::uint64_t kBatch = 4'000;
/// A queue that is kept short, of batches of 256.
constexpr std::size_t kShortInFlight = 40;
constexpr double kMegabyte = 1e6;

bool complain(const Error& error) {
  fmt::print(stderr, "queue_bench: {}\n", to_text(error));
  return false;
}

JobSpec spec() {
  JobSpec spec;
  spec.name = "bench";
  spec.max_chunk_bytes = kChunkBytes;
  return spec;
}

/// Submits chunks `first .. last - 1` and waits until the store has them.
Result<void> fill(Job& job, std::uint64_t first, std::uint64_t last) {
  std::vector<std::uint64_t> payloads(kBatch * kChunkBytes / sizeof(std::uint64_t));
  const ByteView bytes = std::as_bytes(std::span(payloads));
  std::vector<ChunkView> batch(kBatch);
  for (; first < last; first += kBatch) {
    for (std::uint64_t index = 0; index < kBatch; ++index) {
      payloads[index * kChunkBytes / sizeof(std::uint64_t)] = first + index;
      batch[index] = {.id = {.value = first + index}, .payload = bytes.subspan(index * kChunkBytes, kChunkBytes)};
    }
    if (auto submitted = job.submit(std::span<const ChunkView>(batch)); !submitted) return submitted;
  }
  return job.flush(300s);
}

double resident_megabytes(pid_t pid) {
  std::ifstream file(fmt::format("/proc/{}/statm", pid));
  std::uint64_t pages = 0;
  file >> pages >> pages;
  return static_cast<double>(pages * static_cast<std::uint64_t>(::sysconf(_SC_PAGESIZE))) / kMegabyte;
}

double redis_megabytes(const test::RedisServer& redis) {
  const auto info = redis.text({"INFO", "memory"});
  constexpr std::string_view kField = "used_memory:";
  const auto at = info.find(kField);
  double bytes = 0;
  if (at != std::string::npos) std::from_chars(info.data() + at + kField.size(), info.data() + info.size(), bytes);
  return bytes / kMegabyte;
}

}  // namespace

bool print_waiting(const test::RedisServer& redis, Seconds duration) {
  const auto bundle = load_bundle(SUBLET_SOURCE_DIR "/kernels/echo/echo.yaml");
  if (!bundle) return complain(bundle.error());
  test::Cluster cluster({"--store", redis.url()});
  auto client = Client::connect({.brokers = {cluster.endpoint()}});
  if (!client) return complain(client.error());
  const double broker_before = resident_megabytes(cluster.broker_pid());
  const double redis_before = redis_megabytes(redis);
  auto job = client->open(*bundle, spec());
  if (!job) return complain(job.error());
  if (auto filled = fill(*job, 0, kMillion); !filled) return complain(filled.error());
  fmt::print("{:<28} {:>11.0f} MB   (more than {:.0f} with none; redis {:.0f} MB, more than {:.0f}; their bytes {:.0f})\n",
             "P4  broker, 1 M waiting", resident_megabytes(cluster.broker_pid()), broker_before, redis_megabytes(redis), redis_before,
             static_cast<double>(kMillion * kChunkBytes) / kMegabyte);
  std::fflush(stdout);
  if (auto filled = fill(*job, kMillion, 10 * kMillion); !filled) return complain(filled.error());
  const double filled = resident_megabytes(cluster.broker_pid());
  cluster.add_worker({"--device", "cpu", "--sessions", "1"});
  const double deep = drain_rate(*job, kChunkBytes, duration);
  const double shallow =
      batch_rate(*client, *bundle, {.chunk_bytes = kChunkBytes, .batch = 256, .in_flight = kShortInFlight, .duration = duration});
  fmt::print("{:<28} {:>12.0f}/s   ({:.0f}/s with 10 k waiting: {:.2f}; broker {:.0f} MB)\n", "P4  rate, 10 M waiting", deep, shallow,
             deep / shallow, filled);
  std::fflush(stdout);
  return true;
}

bool print_takeover(const test::RedisServer& redis, std::size_t repeats) {
  const auto bundle = load_bundle(SUBLET_SOURCE_DIR "/kernels/echo/echo.yaml");
  if (!bundle) return complain(bundle.error());
  std::vector<double> millis;
  for (std::size_t repeat = 0; repeat < repeats; ++repeat) {
    // The one that is going to die serves the shard before there is another one.
    test::Cluster cluster({"--store", redis.url()});
    auto first = Client::connect({.brokers = {cluster.endpoint()}});
    if (!first) return complain(first.error());
    auto job = first->open(*bundle, spec());
    if (!job) return complain(job.error());
    if (auto filled = fill(*job, 0, kMillion); !filled) return complain(filled.error());
    cluster.add_broker();
    auto client = Client::connect({.brokers = cluster.endpoints()});
    if (!client) return complain(client.error());
    const auto began = io::now();
    cluster.lose_broker();
    if (auto cancelled = client->cancel(job->id()); !cancelled) return complain(cancelled.error());
    millis.push_back(std::chrono::duration<double, std::milli>(io::now() - began).count());
  }
  fmt::print("{:<28} {:>11.0f} ms   (the hold lasts 1500 ms)\n", "P6  takeover, 1 M waiting", median(millis));
  return true;
}

}  // namespace sublet::bench
