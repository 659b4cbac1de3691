#include <algorithm>
#include <atomic>
#include <cstring>
#include <thread>
#include <vector>

#include "bench/card/figures.hpp"
#include "common/io/clock.hpp"
#include "producer/client.hpp"

namespace sublet::bench {
namespace {

/// Bytes on their way at a time, and in one call.
constexpr std::size_t kInFlight = 64U << 20U;
constexpr std::size_t kBatch = 1U << 20U;
/// Memory of a job by reference.
constexpr Bytes kPlaces = 1_GiB;
/// Of the outputs by reference, one of so many is compared whole, since comparing takes longer than the card does.
constexpr std::uint64_t kCompared = 32;

constexpr std::byte kFill{255};

[[noreturn]] void came_back_wrong() {
  fmt::print(stderr, "card_bench: a segment came back wrong\n");
  std::exit(1);
}

/// The pipeline gives 255 for 255.
void check(ByteView bytes, ByteView expected, bool whole) {
  if (bytes.size() != expected.size() || bytes.front() != kFill || bytes.back() != kFill) came_back_wrong();
  if (whole && std::memcmp(bytes.data(), expected.data(), expected.size()) != 0) came_back_wrong();
}

/// Reads a job's outputs as they come.
class Reader {
 public:
  Reader(Job job, std::size_t bytes, std::uint64_t compared) : thread_([=, this]() mutable { run(job, bytes, compared); }) {}

  [[nodiscard]] std::uint64_t seen() const { return seen_.load(std::memory_order_relaxed); }
  void join() { thread_.join(); }

 private:
  void run(Job& job, std::size_t bytes, std::uint64_t compared) {
    const std::vector<std::byte> expected(bytes, kFill);
    auto outputs = job.outputs(Order::arrival);
    while (true) {
      const auto batch = must(outputs.next_batch());
      if (batch.empty()) return;
      for (const auto& output : batch) {
        must(Result<void>(output.output ? Result<void>() : std::unexpected(output.output.error())));
        check(output.output->view(), expected, output.id.value % compared == 0);
      }
      seen_ += batch.size();
    }
  }

  std::atomic<std::uint64_t> seen_ = 0;
  std::jthread thread_;
};

JobSpec spec_of(const Burst& burst) {
  JobSpec spec;
  spec.name = "card";
  spec.max_chunk_bytes = burst.segment_bytes;
  return spec;
}

/// The rate after a warm-up of a second, while `keep_full(until)` submits.
template <class KeepFull>
double rate_between(Job& job, const Burst& burst, Reader& reader, KeepFull keep_full) {
  keep_full(io::now() + 1s);
  const Instant begin = io::now();
  const std::uint64_t before = reader.seen();
  keep_full(begin + burst.duration);
  const double rate = static_cast<double>(reader.seen() - before) / std::chrono::duration<double>(io::now() - begin).count();
  must(job.close());
  reader.join();
  return rate;
}

double rate_through_the_queue(Client& client, const Bundle& video, const Burst& burst) {
  auto job = must(client.open(video, spec_of(burst)));
  Reader reader(job, burst.segment_bytes, 1);
  const std::size_t count = std::max<std::size_t>(1, kBatch / burst.segment_bytes);
  const std::vector<std::byte> payload(burst.segment_bytes, kFill);
  std::vector<ChunkView> chunks(count);
  std::uint64_t submitted = 0;
  return rate_between(job, burst, reader, [&](Instant until) {
    while (io::now() < until) {
      if ((submitted - reader.seen()) * burst.segment_bytes > kInFlight) {
        std::this_thread::sleep_for(50us);
        continue;
      }
      for (ChunkView& chunk : chunks) chunk = {.id = ChunkId{submitted++}, .payload = payload};
      must(job.submit(std::span<const ChunkView>(chunks)));
    }
  });
}

double rate_by_reference(Client& client, const Bundle& video, const Burst& burst) {
  auto job = must(client.open(video, spec_of(burst), {.memory = kPlaces}));
  Reader reader(job, burst.segment_bytes, kCompared);
  std::uint64_t submitted = 0;
  // The places for payloads are what holds it back. Each is filled once, as the handwritten program's buffers are.
  return rate_between(job, burst, reader, [&](Instant until) {
    while (io::now() < until) {
      auto placed = must(job.place(burst.segment_bytes));
      if (placed.bytes().back() != kFill) std::ranges::fill(placed.bytes(), kFill);
      must(job.submit(ChunkId{submitted++}, std::move(placed)));
    }
  });
}

}  // namespace

double queue_rate(const Burst& burst, const std::string& endpoint, Travel travel) {
  auto client = must(Client::connect({.brokers = {endpoint}}));
  Bundle video = burst.video;
  video.pipeline.lanes = static_cast<std::uint32_t>(burst.lanes);
  return travel == Travel::by_reference ? rate_by_reference(client, video, burst) : rate_through_the_queue(client, video, burst);
}

}  // namespace sublet::bench
