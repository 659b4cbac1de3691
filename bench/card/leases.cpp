#include <algorithm>
#include <chrono>
#include <string>
#include <thread>
#include <vector>

#include <sys/mman.h>

#include "bench/card/figures.hpp"
#include "common/io/clock.hpp"
#include "common/pipeline/bundle_file.hpp"
#include "gpu-worker/core/plan.hpp"
#include "gpu-worker/devices/cuda/device.hpp"
#include "gpu-worker/devices/cuda/nvml.hpp"
#include "gpu-worker/session/lane.hpp"
#include "tests/e2e/fault_pipeline.hpp"
#include "tests/gpu-worker/agent/fake_broker.hpp"
#include "tests/support/cluster.hpp"

namespace sublet::bench {
namespace {

using Milliseconds = std::chrono::duration<double, std::milli>;

constexpr std::size_t kLargest = 16U << 20U;
constexpr std::uint32_t kLanes = 2;
constexpr int kRounds = 5;
/// Within this a worker has started another spare.
constexpr Millis kUntilWarm = 2s;

Bytes used_on_card() { return must(must(cuda::Nvml::load()).cards()).front().used; }

double since(Instant begin) { return Milliseconds(io::now() - begin).count(); }

double median(std::vector<double> values) {
  std::ranges::sort(values);
  return values[values.size() / 2];
}

/// A worker over a card, with this program as its broker.
class Worker {
 public:
  explicit Worker(const std::string& spares)
      : starting_(test::begin_to_start("sublet-worker", {"--broker", broker_.endpoint(), "--device", "cuda", "--sessions", "2", "--spares",
                                                         spares, "--log", "error"})) {
    broker_.expect_card([](const wire::Card& card) { return card.free_sessions == 2; });
    std::this_thread::sleep_for(kUntilWarm);
  }

  /// Sends a LEASE, of a tenant of its own.
  void grant(const Bundle& bundle, std::uint64_t max_chunk_bytes) {
    lease_ = test::lease_for(bundle, max_chunk_bytes);
    lease_.lease = LeaseId{++leases_};
    lease_.tenant = std::to_string(leases_);
    lease_.ttl_ms = broker_.ttl_ms;
    broker_.add(bundle);
    granted_ = io::now();
    broker_.send_control(lease_);
  }
  /// Until its session is up.
  double wait_until_up() {
    broker_.expect_of<wire::Window>(lease_.lease);
    return since(granted_);
  }
  void run(const std::string& chunk) {
    const Blob payload = Blob::copy_of(as_view(chunk));
    wire::Run run = test::run_of({chunk}, leases_);
    run.lease = lease_.lease;
    broker_.send_bulk(run, &payload);
  }
  double wait_until_settled() {
    const auto settle = broker_.expect_of<wire::Settle>(lease_.lease);
    must(settle.codes.values.empty() ? Result<void>() : fail(ErrorCode::internal, "the first chunk failed"));
    return since(granted_);
  }
  void release() { broker_.send_control(wire::Release{.lease = lease_.lease, .code = ErrorCode::ok, .detail = {}}); }
  /// Until the lease's slice is on offer again. Its process may be kept for a while, with its context.
  double wait_until_on_offer(Instant begin) {
    broker_.expect_card([](const wire::Card& card) { return card.free_sessions == 2; });
    return since(begin);
  }

  [[nodiscard]] Instant granted() const { return granted_; }
  [[nodiscard]] Bytes slice() const { return Bytes{lease_.bytes}; }
  test::FakeBroker& broker() { return broker_; }

 private:
  io::Context context_;
  test::FakeBroker broker_{context_};
  test::Starting starting_;
  wire::Lease lease_;
  std::uint64_t leases_ = 0;
  Instant granted_;
};

struct Round {
  double up, first, offered, given_back;
};

/// A lease that comes, runs a chunk and is dropped.
Round come_and_go(Worker& worker, const Bundle& video) {
  Round round{};
  worker.grant(video, kLargest);
  round.up = worker.wait_until_up();
  worker.run(std::string(4096, '\xff'));
  round.first = worker.wait_until_settled();
  const Bytes busy = used_on_card();
  const Instant dropped = io::now();
  worker.release();
  std::jthread watch([&] {
    while (used_on_card() + worker.slice() > busy + 32_MiB) std::this_thread::sleep_for(1ms);
    round.given_back = since(dropped);
  });
  round.offered = worker.wait_until_on_offer(dropped);
  return round;
}

void print_coming(const char* what, Worker& worker, const Bundle& video, const char* target) {
  std::vector<double> up, first, offered, given_back;
  for (int i = 0; i < kRounds; ++i) {
    const Round round = come_and_go(worker, video);
    up.push_back(round.up);
    first.push_back(round.first);
    offered.push_back(round.offered);
    given_back.push_back(round.given_back);
    std::this_thread::sleep_for(kUntilWarm);
  }
  fmt::print("P9   LEASE to the first output, {:<18} {:7.1f} ms  (session up after {:.1f}; target {})\n", what, median(first), median(up),
             target);
  fmt::print("P9   drop to memory on offer / given back       {:7.1f} / {:.1f} ms  (slice {} MiB; target 1000)\n", median(offered),
             median(given_back), worker.slice().count >> 20U);
}

/// What a session's start is made of, in a process that has its context.
void print_start(const Bundle& video) {
  const auto device = must(make_cuda_device({.card = 0, .cache = {}}));
  Plan plan = must(make_plan(video, kLargest));
  const auto once = [&](bool print) {
    const std::size_t bytes = (kLanes + 1) * 2 * kLargest;
    void* const mapped = ::mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    {
      const Instant begin = io::now();
      const auto session = must(device->open_session({.slice = {plan.lane_bytes().count * kLanes}}));
      const double opened = since(begin);
      const auto resources = must(session::Resources::load(*session, video, session::HostFunctions()));
      const double loaded = since(begin);
      session->pin_host({static_cast<std::byte*>(mapped), bytes});
      std::vector<session::Lane> lanes;
      for (std::uint32_t i = 0; i < kLanes; ++i) {
        lanes.push_back(must(session::Lane::open(*session, i == 0 ? StreamId{} : must(session->stream_create()), plan, resources)));
      }
      const double ready = since(begin);
      while (!session->is_pinning_done()) {
      }
      if (print) {
        fmt::print(
            "P9   a session's start: opened {:.1f}, module {:.1f}, {} lanes {:.1f} ms; beside, {} MiB of host memory locked in {:.1f}\n",
            opened, loaded - opened, kLanes, ready - loaded, bytes >> 20U, since(begin) - loaded);
      }
    }
    ::munmap(mapped, bytes);
  };
  once(false);
  once(true);
}

void print_expiry() {
  Worker worker("1");
  worker.broker().ttl_ms = 2'000;
  worker.broker().renews = false;
  auto endless = test::fault_pipeline("endless");
  endless.pipeline.time_limit_ms = 600'000;
  worker.grant(endless, 4096);
  worker.wait_until_up();
  worker.run(std::string(8, '\1'));
  const double took = worker.wait_until_on_offer(worker.granted() + 2s);
  fmt::print("P9   expiry under an endless kernel to offer    {:7.1f} ms  (target 1000)\n", took);
}

}  // namespace

void print_leases(const std::string& kernels) {
  const Bundle video = must(load_bundle(kernels + "/video/video.yaml"));
  fmt::print("\n");
  print_start(video);
  {
    Worker warm("1");
    // What is compiled once per host is not what is measured.
    come_and_go(warm, video);
    std::this_thread::sleep_for(kUntilWarm);
    print_coming("warm spare", warm, video, "20");
  }
  Worker cold("0");
  come_and_go(cold, video);
  print_coming("no spare", cold, video, "800");
  print_expiry();
}

}  // namespace sublet::bench
