#include <algorithm>
#include <atomic>
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

}  // namespace

double queue_rate(const Burst& burst, const std::string& endpoint) {
  auto client = must(Client::connect({.brokers = {endpoint}}));
  JobSpec spec;
  spec.name = "card";
  spec.max_chunk_bytes = burst.segment_bytes;
  Bundle video = burst.video;
  video.pipeline.lanes = static_cast<std::uint32_t>(burst.lanes);
  auto job = must(client.open(video, spec));
  std::atomic<std::uint64_t> seen = 0;
  std::jthread reader([&, job]() mutable {
    auto outputs = job.outputs(Order::arrival);
    while (true) {
      const auto batch = must(outputs.next_batch());
      if (batch.empty()) {
        return;
      }
      for (const auto& output : batch) {
        must(Result<void>(output.output ? Result<void>() : std::unexpected(output.output.error())));
        const ByteView bytes = output.output->view();
        if (bytes.size() != burst.segment_bytes || std::ranges::any_of(bytes, [](std::byte each) { return each != std::byte{255}; })) {
          fmt::print(stderr, "card_bench: a segment came back wrong\n");
          std::exit(1);
        }
      }
      seen += batch.size();
    }
  });
  const std::size_t count = std::max<std::size_t>(1, kBatch / burst.segment_bytes);
  const std::vector<std::byte> payload(burst.segment_bytes, std::byte{255});
  std::vector<ChunkView> chunks(count);
  std::uint64_t submitted = 0;
  const auto keep_full = [&](Instant until) {
    while (io::now() < until) {
      if ((submitted - seen) * burst.segment_bytes > kInFlight) {
        std::this_thread::sleep_for(50us);
        continue;
      }
      for (ChunkView& chunk : chunks) {
        chunk = {.id = ChunkId{submitted++}, .payload = payload};
      }
      must(job.submit(std::span<const ChunkView>(chunks)));
    }
  };
  keep_full(io::now() + 1s);
  const Instant begin = io::now();
  const std::uint64_t before = seen;
  keep_full(begin + burst.duration);
  const double rate = static_cast<double>(seen - before) / std::chrono::duration<double>(io::now() - begin).count();
  must(job.close());
  reader.join();
  return rate;
}

}  // namespace sublet::bench
