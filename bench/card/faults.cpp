#include <functional>
#include <string>
#include <thread>
#include <vector>

#include "bench/card/figures.hpp"
#include "bench/card/steady_burst.hpp"
#include "common/io/clock.hpp"
#include "common/pipeline/bundle_file.hpp"
#include "gpu-worker/devices/cuda/device.hpp"
#include "producer/client.hpp"
#include "tests/e2e/fault_pipeline.hpp"
#include "tests/support/cluster.hpp"

namespace sublet::bench {
namespace {

constexpr std::size_t kBytes = SteadyBurst::kBytes;
constexpr std::byte kFill{255};
constexpr Millis kQuiet = 2s;

Client connect(const test::Cluster& cluster) { return must(Client::connect({.brokers = {cluster.endpoint()}})); }

JobSpec spec_of(std::size_t bytes) {
  JobSpec spec;
  spec.max_chunk_bytes = bytes;
  spec.policy = PolicyKind::best_effort;
  return spec;
}

JobSpec neighbour_spec() {
  JobSpec spec = spec_of(SteadyBurst::kBytes);
  spec.tenant = "neighbour";
  return spec;
}

/// A job of one bad chunk: what came of it.
std::string run_bad_chunk(const test::Cluster& cluster, const std::string& kernel, const std::string& file, std::uint32_t limit_ms) {
  auto client = connect(cluster);
  auto pipeline = test::fault_pipeline(kernel, file);
  pipeline.pipeline.time_limit_ms = limit_ms;
  auto job = must(client.open(pipeline, spec_of(64)));
  const std::vector<std::byte> bad(8, std::byte{1});
  must(job.submit(ChunkId{1}, ByteView(bad)));
  must(job.close());
  auto outputs = job.outputs(Order::arrival);
  const auto output = must(outputs.next(60s));
  if (!output) return "NOTHING";
  return output->output ? "done" : std::string(error_info(output->output.error().code).name);
}

/// Kills something of a second worker on the card while a burst runs there.
std::string kill_in_work(test::Cluster& cluster, const Bundle& video, const std::function<void(test::Cluster&, std::size_t)>& kill) {
  const std::size_t second = cluster.add_worker({"--device", "cuda", "--cards", "1", "--sessions", "1", "--vram", "8GiB"});
  auto client = connect(cluster);
  auto job = must(client.open(video, spec_of(kBytes)));
  const std::vector<std::byte> payload(kBytes, kFill);
  std::vector<ChunkView> chunks(64, ChunkView{.id = {}, .payload = payload});
  for (std::uint64_t batch = 0; batch < 2'000; ++batch) {
    for (std::size_t i = 0; i < chunks.size(); ++i) chunks[i].id = ChunkId{batch * chunks.size() + i};
    must(job.submit(std::span<const ChunkView>(chunks)));
    if (batch == 1'000) kill(cluster, second);
  }
  std::this_thread::sleep_for(1s);
  must(job.cancel());
  return "runs again";
}

/// All memory of the card is taken by a stranger; a job that needs some waits until it is back.
std::string run_without_memory(const test::Cluster& cluster, const Bundle& video) {
  auto client = connect(cluster);
  auto job = [&] {
    const auto device = must(make_cuda_device({.card = 0, .cache = {}}));
    const auto session = must(device->open_session({.slice = device->info().total}));
    for (std::uint64_t piece = 1U << 30U; piece >= 1U << 20U; piece /= 2) {
      while (session->mem_alloc(Bytes{piece})) {
      }
    }
    auto opened = must(client.open(video, spec_of(16U << 20U)));
    const std::vector<std::byte> payload(kBytes, kFill);
    must(opened.submit(ChunkId{1}, ByteView(payload)));
    must(opened.close());
    std::this_thread::sleep_for(2s);
    return opened;
  }();
  const auto status = job.wait(60s);
  return status && status->done == 1 ? "waits, then done" : "STUCK";
}

void print_fault(const char* name, const Bundle& video, const std::function<std::string(test::Cluster&)>& fault) {
  test::Cluster cluster;
  // Where a second worker comes, the neighbour keeps this one's only session.
  const bool kills = std::string_view(name).starts_with("kill");
  cluster.add_worker(
      {"--device", "cuda", "--cards", "1", "--sessions", kills ? "1" : "2", "--spares", "2", "--vram", kills ? "8GiB" : "16GiB"});
  SteadyBurst neighbour(cluster.endpoint(), video, neighbour_spec());
  std::this_thread::sleep_for(kQuiet);
  const Millis before = neighbour.longest_gap();
  const std::string outcome = fault(cluster);
  std::this_thread::sleep_for(kQuiet);
  const Millis during = neighbour.longest_gap();
  fmt::print("{:<28} {:<18} {:>9} ms {:>9} ms   {}\n", name, outcome, before.count(), during.count(), neighbour.end());
  std::fflush(stdout);
}

}  // namespace

void print_faults(const std::string& kernels) {
  const Bundle video = must(load_bundle(kernels + "/video/video.yaml"));
  const auto bad = [](const char* kernel, const char* file, std::uint32_t limit_ms = 500) {
    return [=](test::Cluster& cluster) { return run_bad_chunk(cluster, kernel, file, limit_ms); };
  };
  fmt::print("\n{:<28} {:<18} {:>12} {:>12}   {}\n", "fault of a neighbour", "its chunk", "gap before", "gap with it",
             "this one's outputs");
  print_fault("illegal write", video, bad("wild", "faults.ptx"));
  print_fault("misaligned access", video, bad("misaligned", "card_faults.ptx"));
  print_fault("assert", video, bad("trap", "card_faults.ptx"));
  print_fault("stack overflow", video, bad("overflow", "card_faults.ptx"));
  print_fault("endless kernel, 500 ms", video, bad("endless", "faults.ptx"));
  print_fault("endless kernel, 3 s", video, bad("endless", "faults.ptx", 3'000));
  print_fault("no memory on the card", video, [&](test::Cluster& cluster) { return run_without_memory(cluster, video); });
  print_fault("kill -9 of its session", video, [&](test::Cluster& cluster) {
    return kill_in_work(cluster, video, [](test::Cluster& here, std::size_t worker) {
      for (const pid_t pid : here.session_pids(worker)) ::kill(pid, SIGKILL);
    });
  });
  print_fault("kill -9 of its worker", video, [&](test::Cluster& cluster) {
    return kill_in_work(cluster, video, [](test::Cluster& here, std::size_t worker) { here.kill_worker(worker, SIGKILL); });
  });
}

}  // namespace sublet::bench
