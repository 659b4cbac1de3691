#include "bench/queue/many_sessions.hpp"

#include <chrono>
#include <cstdio>
#include <deque>
#include <string>
#include <vector>

#include <fmt/format.h>

#include "bench/queue/figures.hpp"
#include "broker/core/broker.hpp"
#include "common/pipeline/pipeline.hpp"
#include "common/random.hpp"
#include "common/wire/bundle.hpp"

namespace sublet::bench {
namespace {

constexpr std::uint32_t kChunks = 256;
constexpr std::uint32_t kChunkBytes = 64;
/// What a chunk is said to take: a batch is then worth handing out whole, to one session or to ten thousand.
constexpr std::uint32_t kMicros = 4;
constexpr std::uint32_t kLongMicros = 20'000;
constexpr std::uint32_t kSessionsPerWorker = 8;
constexpr double kTarget = 5;

struct Scale {
  std::size_t jobs = 1;
  std::size_t queues = 1;
  std::size_t sessions = 1;
  std::size_t pipelines = 1;
};
constexpr Scale kMany{.jobs = 1'000, .queues = 100, .sessions = 10'000, .pipelines = 10};

struct TestPipeline {
  ContentHash hash;
  Blob bytes;
  std::uint64_t lease_bytes = 0;
};

TestPipeline pipeline_named(const std::string& name) {
  Bundle bundle;
  bundle.pipeline.name = name;
  bundle.pipeline.buffers = {{.name = "data", .bytes = "n"}};
  bundle.pipeline.inputs = {"data"};
  bundle.pipeline.outputs = {{.buffer = "data"}};
  bundle.pipeline.lanes = 2;
  const auto bytes = wire::encode_bundle(bundle);
  return {.hash = wire::content_hash(bytes),
          .bytes = Blob::copy_of(bytes),
          .lease_bytes = lease_bytes(bundle.pipeline, kChunkBytes, module_bytes(bundle)).value_or(Bytes{}).count};
}

class Stopwatch {
 public:
  [[nodiscard]] double micros() const {
    return std::chrono::duration<double, std::micro>(std::chrono::steady_clock::now() - begin_).count();
  }

 private:
  std::chrono::steady_clock::time_point begin_ = std::chrono::steady_clock::now();
};

/// The broker's rules with everybody who talks to them.
class House {
 public:
  explicit House(const Scale& scale) : scale_(scale) {
    say(kProducer, wire::Hello{.instance = 1});
    for (std::size_t job = 0; job < scale_.jobs; ++job) open(job);
  }

  /// Workers come, and every session finds work. @returns microseconds for each LEASE
  double fill() {
    // One chunk more for each session than there are sessions, so that all are wanted.
    for (std::size_t job = 0; job < scale_.jobs; ++job) submit(job);
    for (std::size_t job = 0; job * kChunks < scale_.sessions; ++job) submit(job % scale_.jobs);
    const auto workers = (scale_.sessions + kSessionsPerWorker - 1) / kSessionsPerWorker;
    for (std::size_t number = 0; number < workers; ++number)
      say(worker(number), wire::Hello{.role = wire::Role::worker, .instance = number + 2});
    const Stopwatch watch;
    for (std::size_t number = 0; number < workers; ++number) offer(number, std::min<std::size_t>(kSessionsPerWorker, scale_.sessions));
    const auto micros = watch.micros() / static_cast<double>(leases_.size());
    const auto granted = std::exchange(leases_, {});
    for (const auto& [lease, peer] : granted) open_window(lease, peer);
    held_.assign(granted.begin(), granted.end());
    settle_all();
    return micros;
  }

  struct Replaced {
    double release = 0;
    double lease = 0;
  };
  /// One session is given back and another one wanted, again and again, in a house that is full. @returns microseconds for each
  Replaced replace(std::size_t times) {
    // Chunks that take long, and more of them than all sessions take, so that each place is wanted.
    micros_ = kLongMicros;
    for (std::size_t round = 0; round < 4; ++round) {
      for (std::size_t job = 0; job < scale_.jobs; ++job) submit(job);
      if (round == 0) settle_all();
    }
    Replaced sum;
    std::size_t replaced = 0;
    for (std::size_t time = 0; time < times && !held_.empty(); ++time) {
      const auto [lease, peer] = held_.front();
      held_.pop_front();
      const Stopwatch releasing;
      say(peer, wire::Release{.lease = lease});
      sum.release += releasing.micros();
      const Stopwatch leasing;
      offer(peer.value - kFirstWorker, 1);
      sum.lease += leasing.micros();
      replaced += leases_.size();
      held_.insert(held_.end(), leases_.begin(), leases_.end());
      leases_.clear();
    }
    if (replaced != times) fmt::print(stderr, "queue_bench: only {} of {} sessions came again\n", replaced, times);
    return {.release = sum.release / static_cast<double>(times), .lease = sum.lease / static_cast<double>(times)};
  }

  /// Chunks per second from SUBMIT to TAKEN, one batch after the other, of each job in turn.
  double rate(std::size_t batches) {
    const Stopwatch watch;
    const auto before = taken_;
    for (std::size_t batch = 0; batch < batches; ++batch) {
      submit(batch % scale_.jobs);
      settle_all();
    }
    return static_cast<double>(taken_ - before) / watch.micros() * 1e6;
  }

  /// @returns microseconds for each lease that is renewed, of all of them once
  double renew() {
    std::vector<std::vector<wire::HeldLease>> by_worker((scale_.sessions + kSessionsPerWorker - 1) / kSessionsPerWorker);
    for (const auto& [lease, peer] : held_)
      by_worker[peer.value - kFirstWorker].push_back({.lease = lease, .token = tokens_.at(lease), .grants = {}});
    const Stopwatch watch;
    for (std::size_t number = 0; number < by_worker.size(); ++number)
      say(worker(number), wire::Renew{.leases = std::move(by_worker[number])});
    return watch.micros() / static_cast<double>(std::exchange(renewed_, 0));
  }

 private:
  static constexpr broker::PeerId kProducer{.value = 1};
  static constexpr std::uint64_t kFirstWorker = 2;
  using Held = std::pair<LeaseId, broker::PeerId>;

  static broker::PeerId worker(std::size_t number) { return {.value = kFirstWorker + number}; }

  void say(broker::PeerId peer, wire::Message message, Blob payload = {}) {
    broker::Input input =
        broker::Received{.peer = peer, .request = ++requests_, .message = std::move(message), .payload = std::move(payload)};
    now_ += Nanos(100);
    for (auto& send : broker_.step(now_, {&input, 1}).sends) hear(send);
  }

  void hear(broker::Send& send) {
    if (auto* lease = std::get_if<wire::Lease>(&send.message)) {
      leases_.emplace_back(lease->lease, send.peer);
      tokens_[lease->lease] = lease->token;
    } else if (auto* run = std::get_if<wire::Run>(&send.message)) {
      runs_.emplace_back(std::move(*run), send.peer);
    } else if (auto* output = std::get_if<wire::Output>(&send.message)) {
      taken_ += output->lengths.values.size();
      outputs_.push_back({.job = output->job, .cursor = output->cursor});
    } else if (auto* renewed = std::get_if<wire::Renewed>(&send.message)) {
      renewed_ += renewed->leases.size();
    } else if (auto* opened = std::get_if<wire::Opened>(&send.message)) {
      jobs_.push_back(opened->job);
    }
  }

  void open(std::size_t number) {
    const auto pipeline = pipeline_named(fmt::format("p{}", number % scale_.pipelines));
    lease_bytes_ = pipeline.lease_bytes;
    say(kProducer,
        wire::Open{
            .spec = {.queue = fmt::format("q{}", number % scale_.queues), .pipeline = pipeline.hash, .max_chunk_bytes = kChunkBytes}},
        pipeline.bytes);
    say(kProducer, wire::Read{.job = jobs_.back(), .chunks = 1U << 20U, .bytes = 1U << 30U});
    next_.push_back(0);
  }

  void submit(std::size_t number) {
    wire::Submit submit{.job = jobs_[number], .chunks = {{.first = next_[number], .count = kChunks}}};
    submit.lengths.values.assign(kChunks, kChunkBytes);
    next_[number] += kChunks;
    say(kProducer, std::move(submit), payload_);
  }

  /// As many sessions more, on a card that has room for no more than those.
  void offer(std::size_t number, std::size_t sessions) {
    const auto bytes = sessions * lease_bytes_;
    // A session more than there is memory for: memory is what runs out.
    say(worker(number), wire::Offer{.seen = 1U << 30U,
                                    .cards = {{.total_bytes = kSessionsPerWorker * lease_bytes_,
                                               .free_bytes = bytes,
                                               .free_sessions = static_cast<std::uint32_t>(sessions) + 1}}});
  }

  void open_window(LeaseId lease, broker::PeerId peer) { say(peer, wire::Window{.lease = lease, .chunks = kChunks, .bytes = 1U << 20U}); }

  /// Until nothing is handed out and no output waits.
  void settle_all() {
    while (!runs_.empty() || !outputs_.empty()) {
      for (auto& [run, peer] : std::exchange(runs_, {})) {
        wire::Settle settle{.lease = run.lease, .grant = run.grant, .token = run.token};
        settle.lengths.values.assign(run.lengths.values.size(), kChunkBytes);
        settle.micros.values.assign(run.lengths.values.size(), micros_);
        say(peer, std::move(settle), payload_.slice(0, run.lengths.values.size() * kChunkBytes));
      }
      for (const auto& taken : std::exchange(outputs_, {})) say(kProducer, taken);
    }
  }

  Scale scale_;
  std::uint64_t lease_bytes_ = 0;
  SeededRandom random_{1};
  broker::Broker broker_{{.input_budget_chunks = 1U << 30U}, {.id = 1, .name = "none"}, random_};
  Instant now_{1s};
  std::uint64_t requests_ = 0;
  Blob payload_ = Blob::copy_of(std::vector<std::byte>(kChunks * kChunkBytes));
  std::vector<JobId> jobs_;
  std::vector<std::uint64_t> next_;
  std::vector<Held> leases_;
  std::deque<Held> held_;
  std::unordered_map<LeaseId, Token> tokens_;
  std::vector<std::pair<wire::Run, broker::PeerId>> runs_;
  std::vector<wire::Taken> outputs_;
  std::uint64_t taken_ = 0;
  std::size_t renewed_ = 0;
  std::uint32_t micros_ = kMicros;
};

void print_decision(const char* name, double micros) {
  fmt::print("{:<28} {:>11.2f} us   (the target is {:.0f})\n", name, micros, kTarget);
  std::fflush(stdout);
}

}  // namespace

void print_many_sessions() {
  constexpr std::size_t kBatches = 50'000;
  fmt::print("\nthe broker's rules alone, {} jobs in {} queues, {} sessions, {} pipelines\n", kMany.jobs, kMany.queues, kMany.sessions,
             kMany.pipelines);
  House one({});
  one.fill();
  one.rate(kBatches / 10);
  House many(kMany);
  const auto lease = many.fill();
  many.rate(kBatches / 10);
  std::vector<double> alone;
  std::vector<double> together;
  for (int repeat = 0; repeat < 3; ++repeat) {
    alone.push_back(one.rate(kBatches));
    together.push_back(many.rate(kBatches));
  }
  print_decision("P5  a LEASE, house filling", lease);
  print_decision("P5  a lease renewed", many.renew());
  const auto replaced = many.replace(100'000);
  print_decision("P5  a RELEASE, house full", replaced.release);
  print_decision("P5  a LEASE, house full", replaced.lease);
  const auto life = [](double rate) { return kChunks / rate * 1e6; };
  fmt::print("{:<28} {:>11.2f} us   ({:.2f} with one job and one session, from SUBMIT to TAKEN)\n", "P5  life of a batch",
             life(median(together)), life(median(alone)));
  fmt::print("{:<28} {:>12.0f}/s   ({:.0f}/s with one job and one session: {:.2f}; the target is 0.80)\n", "P5  rate of the rules",
             median(together), median(alone), median(together) / median(alone));
}

}  // namespace sublet::bench
