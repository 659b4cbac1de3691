// The producer of a chaos burst, to be killed at any moment: submits as many chunks as it is allowed, says what it receives in records on
// one pipe, and takes an output only once that is written. Started again it goes on under the same idempotency keys.
//
//   chaos_producer BROKERS CHUNKS SALT BATCH --ready-fd N    with descriptor 4 for records and 5 for allowances

#include <condition_variable>
#include <cstdlib>
#include <mutex>
#include <sstream>
#include <string>
#include <thread>
#include <vector>

#include <fmt/format.h>
#include <unistd.h>

#include "common/io/ready.hpp"
#include "producer/client.hpp"
#include "tests/chaos/burst.hpp"
#include "tests/chaos/producer_pipes.hpp"
#include "tests/chaos/record.hpp"

namespace sublet::chaos {
namespace {

/// Chunks before the first that the job does not have yet which are submitted all the same: to be recognised.
constexpr std::uint64_t kSubmittedAgain = 1'000;

/// How many chunks of the burst may be submitted, as it was told last.
class Allowance {
 public:
  /// Waits until there is more than `known`.
  std::uint64_t beyond(std::uint64_t known) {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [&] { return allowed_ > known; });
    return allowed_;
  }

  /// Until nobody tells any more.
  void listen() {
    std::uint64_t told = 0;
    while (::read(kAllowanceFd, &told, sizeof told) == sizeof told) {
      {
        const std::scoped_lock lock(mutex_);
        allowed_ = told;
      }
      changed_.notify_all();
    }
  }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  std::uint64_t allowed_ = 0;
};

/// One at a time, whole.
class Teller {
 public:
  void tell(const std::vector<std::byte>& frame) {
    const std::scoped_lock lock(mutex_);
    for (std::size_t told = 0; told < frame.size();) {
      const auto count = ::write(kRecordFd, frame.data() + told, frame.size() - told);
      if (count < 0) std::_Exit(1);
      told += static_cast<std::size_t>(count);
    }
  }

  [[noreturn]] void give_up(std::uint32_t job, const Error& error) {
    std::vector<std::byte> frame;
    append(frame, RecordKind::broken, job, 0, as_view(to_text(error)));
    tell(frame);
    std::_Exit(1);
  }

  template <class T>
  T must(std::uint32_t job, Result<T> result) {
    if (!result) give_up(job, result.error());
    if constexpr (!std::is_void_v<T>) return std::move(*result);
  }

 private:
  std::mutex mutex_;
};

struct Producer {
  Burst burst;
  std::size_t batch = 1;
  Allowance allowance = {};
  Teller teller = {};

  void submit(std::uint32_t number, Job& job) {
    const auto count = Burst::count_of(number, burst.chunks);
    std::uint64_t allowed = 0;
    auto next = job.accepted_before() - std::min(job.accepted_before(), kSubmittedAgain);
    while (next < count) {
      allowed = allowance.beyond(allowed);
      for (const auto until = Burst::count_of(number, allowed); next < until;) {
        std::vector<Chunk> chunks;
        for (; next < until && chunks.size() < batch; ++next) {
          chunks.push_back({.id = ChunkId{next}, .payload = Blob::copy_of(burst.payload_of(number, next))});
        }
        teller.must(number, job.submit(std::span<const Chunk>(chunks)));
      }
    }
    teller.must(number, job.close());
  }

  void read(std::uint32_t number, Job& job) {
    auto outputs = job.outputs(Order::arrival);
    std::vector<std::byte> frame;
    for (;;) {
      const auto chunks = teller.must(number, outputs.next_batch());
      if (chunks.empty()) return;
      frame.clear();
      for (const auto& chunk : chunks) {
        const bool alive = chunk.output.has_value();
        const auto text = alive ? std::string() : to_text(chunk.output.error());
        append(frame, alive ? RecordKind::output : RecordKind::dead, number, chunk.id.value, alive ? chunk.output->view() : as_view(text));
      }
      teller.tell(frame);
    }
  }

  void see_through(std::uint32_t number, Job& job) {
    std::jthread submitter([&] { submit(number, job); });
    if (number != Burst::kSumJob) read(number, job);
    const auto status = teller.must(number, job.wait());
    std::vector<std::byte> frame;
    append(
        frame, number,
        JobEnd{.state = status.state, .accepted = status.accepted, .done = status.done, .dead = status.dead, .sum = status.integer_value});
    teller.tell(frame);
  }

  void run(Client& client, int ready_fd) {
    std::vector<Job> jobs;
    for (std::uint32_t number = 0; number < Burst::kJobs; ++number) {
      jobs.push_back(teller.must(number, client.open(Burst::bundle_of(number), burst.spec_of(number))));
    }
    if (!io::write_ready(ready_fd, {{"role", "producer"}})) std::_Exit(1);
    std::thread([this] { allowance.listen(); }).detach();
    std::vector<std::jthread> threads;
    for (std::uint32_t number = 0; number < Burst::kJobs; ++number) {
      threads.emplace_back([&, number] { see_through(number, jobs[number]); });
    }
  }
};

std::vector<std::string> words_of(const std::string& text) {
  std::vector<std::string> words;
  std::istringstream stream(text);
  for (std::string word; std::getline(stream, word, ',');) words.push_back(word);
  return words;
}

}  // namespace
}  // namespace sublet::chaos

int main(int argc, char** argv) {
  using namespace sublet;
  if (argc != 7) return 2;
  chaos::Producer producer{.burst = {.chunks = std::strtoull(argv[2], nullptr, 10), .salt = std::strtoull(argv[3], nullptr, 10)},
                           .batch = std::strtoull(argv[4], nullptr, 10)};
  // Whatever goes wrong lasts seconds; a call that is not answered for minutes is a finding.
  auto client = producer.teller.must(
      0, Client::connect({.brokers = chaos::words_of(argv[1]), .name = "chaos", .connect_timeout = 120s, .call_timeout = 120s}));
  producer.run(client, std::atoi(argv[6]));
  // The thread that listens for allowances ends with the process.
  std::fflush(nullptr);
  std::_Exit(0);
}
