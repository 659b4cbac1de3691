#include "bench/card/steady_burst.hpp"

#include <algorithm>
#include <vector>

#include "bench/card/figures.hpp"
#include "common/io/clock.hpp"

namespace sublet::bench {
namespace {

constexpr std::byte kFill{255};
constexpr std::uint64_t kInFlight = 4096;
constexpr std::size_t kTogether = 64;

}  // namespace

SteadyBurst::SteadyBurst(const std::string& endpoint, const Bundle& video, JobSpec spec)
    : client_(must(Client::connect({.brokers = {endpoint}}))),
      job_([&] {
        spec.max_chunk_bytes = kBytes;
        return must(client_.open(video, std::move(spec)));
      }()),
      last_(io::now()) {
  reader_ = std::jthread([this] { read(); });
  writer_ = std::jthread([this](const std::stop_token& stop) { write(stop); });
  while (seen_ < kInFlight) std::this_thread::sleep_for(1ms);
}

Millis SteadyBurst::longest_gap() {
  note_gap(io::now());
  return std::chrono::ceil<Millis>(longest_.exchange(Nanos{0}));
}

std::string SteadyBurst::end() {
  writer_.request_stop();
  writer_.join();
  must(job_.close());
  reader_.join();
  const auto status = must(job_.wait(60s));
  return wrong_ == 0 && status.dead == 0 ? fmt::format("all {} right", status.done)
                                         : fmt::format("{} WRONG, {} DEAD", wrong_.load(), status.dead);
}

void SteadyBurst::write(const std::stop_token& stop) {
  const std::vector<std::byte> payload(kBytes, kFill);
  std::vector<ChunkView> chunks(kTogether);
  for (std::uint64_t next = 0; !stop.stop_requested();) {
    if (next > seen_ + kInFlight) {
      std::this_thread::sleep_for(50us);
      continue;
    }
    for (ChunkView& chunk : chunks) chunk = {.id = ChunkId{next++}, .payload = payload};
    must(job_.submit(std::span<const ChunkView>(chunks)));
  }
}

void SteadyBurst::read() {
  auto outputs = job_.outputs(Order::arrival);
  while (true) {
    const auto batch = must(outputs.next_batch());
    if (batch.empty()) return;
    note_gap(io::now());
    for (const auto& output : batch) {
      const bool right = output.output && output.output->size() == kBytes &&
                         std::ranges::all_of(output.output->view(), [](std::byte each) { return each == kFill; });
      wrong_ += right ? 0 : 1;
    }
    seen_ += batch.size();
  }
}

void SteadyBurst::note_gap(Instant now) {
  const Nanos gap = now - last_.exchange(now);
  if (gap > longest_.load()) longest_ = gap;
}

}  // namespace sublet::bench
