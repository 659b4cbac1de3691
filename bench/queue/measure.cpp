#include "bench/queue/measure.hpp"

#include <atomic>
#include <cstdlib>
#include <cstring>
#include <thread>

#include <fmt/format.h>

#include "common/io/clock.hpp"

namespace sublet::bench {
namespace {

template <class T>
T must(Result<T> result) {
  if (!result) {
    fmt::print(stderr, "queue_bench: {}\n", to_text(result.error()));
    std::exit(1);
  }
  if constexpr (!std::is_void_v<T>) return std::move(*result);
}

JobSpec spec_for(const Shape& shape) {
  JobSpec spec;
  spec.name = "bench";
  spec.max_chunk_bytes = shape.chunk_bytes;
  return spec;
}

/// A chunk's payload begins with its id, so that what comes back can be told apart.
std::vector<std::byte> payload_of(std::uint64_t id, std::size_t size) {
  std::vector<std::byte> bytes(size);
  std::memcpy(bytes.data(), &id, std::min(size, sizeof id));
  return bytes;
}

void check(const ChunkOutput& output, std::size_t size) {
  const auto bytes = output.output ? output.output->view() : ByteView();
  if (bytes.size() == size && std::memcmp(bytes.data(), &output.id.value, std::min(size, sizeof output.id.value)) == 0) return;
  fmt::print(stderr, "queue_bench: chunk {} came back wrong: {}\n", output.id.value,
             output.output ? fmt::format("{} bytes", bytes.size()) : to_text(output.output.error()));
  std::exit(1);
}

/// Reads outputs until the job has ended; counts those that came before `stop`.
class Reader {
 public:
  Reader(Job job, std::size_t chunk_bytes) : thread_([this, job, chunk_bytes]() mutable { read(job, chunk_bytes); }) {}

  [[nodiscard]] std::uint64_t seen() const { return seen_.load(std::memory_order_relaxed); }
  void join() { thread_.join(); }

 private:
  void read(Job& job, std::size_t chunk_bytes) {
    auto outputs = job.outputs(Order::arrival);
    for (;;) {
      const auto batch = must(outputs.next_batch());
      if (batch.empty()) return;
      for (const auto& output : batch) check(output, chunk_bytes);
      seen_.fetch_add(batch.size(), std::memory_order_relaxed);
    }
  }

  std::atomic<std::uint64_t> seen_ = 0;
  std::thread thread_;
};

/// The rate between a warm-up and the end of the given duration, while `submit` keeps the queue filled.
template <class Submit>
double rate_of(Job job, const Shape& shape, std::size_t threads, Submit submit) {
  Reader reader(job, shape.chunk_bytes);
  std::atomic<bool> stop = false;
  std::atomic<std::uint64_t> submitted = 0;
  std::vector<std::jthread> submitters;
  for (std::size_t thread = 0; thread < threads; ++thread) {
    submitters.emplace_back([&, thread] { submit(job, thread, stop, submitted, reader); });
  }
  std::this_thread::sleep_for(1s);
  const auto start = io::now();
  const auto before = reader.seen();
  std::this_thread::sleep_for(shape.duration);
  const std::chrono::duration<double> seconds = io::now() - start;
  const auto counted = reader.seen() - before;
  stop = true;
  submitters.clear();
  must(job.close());
  reader.join();
  const auto status = must(job.wait(60s));
  if (status.done != submitted || reader.seen() != submitted) {
    fmt::print(stderr, "queue_bench: submitted {}, done {}, read {}\n", submitted.load(), status.done, reader.seen());
    std::exit(1);
  }
  return static_cast<double>(counted) / seconds.count();
}

/// Waits while more than `limit` chunks are on their way.
void hold_back(const std::atomic<std::uint64_t>& submitted, const Reader& reader, std::uint64_t limit, const std::atomic<bool>& stop) {
  while (!stop && submitted - reader.seen() > limit) std::this_thread::sleep_for(50us);
}

}  // namespace

double batch_rate(Client& client, const Bundle& bundle, const Shape& shape) {
  return rate_of(must(client.open(bundle, spec_for(shape))), shape, 1,
                 [&](Job& job, std::size_t, std::atomic<bool>& stop, std::atomic<std::uint64_t>& submitted, Reader& reader) {
                   std::vector<std::byte> bytes(shape.chunk_bytes * shape.batch);
                   std::vector<ChunkView> chunks(shape.batch);
                   for (std::uint64_t next = 0; !stop; next += shape.batch) {
                     hold_back(submitted, reader, shape.batch * shape.in_flight, stop);
                     for (std::size_t i = 0; i < shape.batch; ++i) {
                       const std::uint64_t id = next + i;
                       auto* at = bytes.data() + i * shape.chunk_bytes;
                       std::memcpy(at, &id, sizeof id);
                       chunks[i] = {.id = ChunkId{id}, .payload = {at, shape.chunk_bytes}};
                     }
                     must(job.submit(std::span<const ChunkView>(chunks)));
                     submitted += shape.batch;
                   }
                 });
}

double reference_rate(Client& client, const Bundle& bundle, const Shape& shape) {
  const std::uint64_t in_flight = shape.batch * shape.in_flight;
  auto job = must(client.open(bundle, spec_for(shape), {.memory = {.count = in_flight * shape.chunk_bytes * 3}}));
  return rate_of(job, shape, 1, [&](Job& same, std::size_t, std::atomic<bool>& stop, std::atomic<std::uint64_t>& submitted, Reader&) {
    // The places for payloads are what holds it back.
    for (std::uint64_t id = 0; !stop; ++id) {
      auto placed = must(same.place(shape.chunk_bytes));
      std::memcpy(placed.bytes().data(), &id, sizeof id);
      must(same.submit(ChunkId{id}, std::move(placed)));
      ++submitted;
    }
  });
}

double single_rate(Client& client, const Bundle& bundle, const Shape& shape, std::size_t threads) {
  std::atomic<std::uint64_t> next_id = 0;
  return rate_of(must(client.open(bundle, spec_for(shape))), shape, threads,
                 [&](Job& job, std::size_t, std::atomic<bool>& stop, std::atomic<std::uint64_t>& submitted, Reader&) {
                   auto bytes = payload_of(0, shape.chunk_bytes);
                   // The library's and the broker's credit hold a hundred threads back; a poll of their own would be what is measured.
                   while (!stop) {
                     const std::uint64_t id = next_id++;
                     std::memcpy(bytes.data(), &id, sizeof id);
                     must(job.submit(ChunkId{id}, ByteView(bytes)));
                     ++submitted;
                   }
                 });
}

double drain_rate(Job job, std::size_t chunk_bytes, Seconds duration) {
  Reader reader(job, chunk_bytes);
  while (reader.seen() == 0) std::this_thread::sleep_for(1ms);
  std::this_thread::sleep_for(1s);
  const auto start = io::now();
  const auto before = reader.seen();
  std::this_thread::sleep_for(duration);
  const std::chrono::duration<double> seconds = io::now() - start;
  const auto counted = reader.seen() - before;
  must(job.cancel());
  reader.join();
  return static_cast<double>(counted) / seconds.count();
}

Latency round_trip(Client& client, const Bundle& bundle, std::size_t rounds) {
  const Shape shape;
  auto job = must(client.open(bundle, spec_for(shape)));
  auto outputs = job.outputs(Order::arrival);
  std::vector<Nanos> samples;
  constexpr std::size_t kWarmUp = 500;
  for (std::uint64_t round = 0; round < rounds + kWarmUp; ++round) {
    const auto bytes = payload_of(round, shape.chunk_bytes);
    const auto start = io::now();
    must(job.submit(ChunkId{round}, ByteView(bytes)));
    const auto output = must(outputs.next());
    if (round >= kWarmUp) samples.push_back(io::now() - start);
    check(*output, shape.chunk_bytes);
  }
  must(job.close());
  must(job.wait(60s));
  return percentiles(std::move(samples));
}

}  // namespace sublet::bench
