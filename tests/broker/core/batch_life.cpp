// What one batch costs the pure core from SUBMIT to TAKEN: 256 chunks of 64 B, submit, grant, settle, output, taken; one step each.

#include <chrono>
#include <cstdlib>

#include <fmt/core.h>

#include "broker/core/broker.hpp"
#include "tests/broker/core/world.hpp"

namespace sublet::broker::testing {
namespace {

constexpr std::uint64_t kChunks = 256;
constexpr std::uint32_t kSize = 64;

struct Life {
  CountingRandom random;
  Broker broker{{}, {.id = 1, .name = "none"}, random};
  Instant now{1s};
  PeerId producer{.value = 1};
  PeerId worker{.value = 2};
  JobId job;
  std::uint64_t taken = 0;

  std::vector<Send> say(PeerId peer, wire::Message message, Blob payload = {}) {
    Input input = Received{.peer = peer, .request = 1, .message = std::move(message), .payload = std::move(payload)};
    now += 1us;
    return broker.step(now, {&input, 1}).sends;
  }

  void start() {
    const auto bundle = test_bundle("echo");
    say(producer, wire::Hello{.instance = 1});
    say(worker, wire::Hello{.role = wire::Role::worker, .instance = 2});
    say(worker, wire::Offer{.cards = {{.total_bytes = 1U << 30U, .free_bytes = 1U << 30U, .free_sessions = 1}}});
    const auto opened = say(producer, wire::Open{.spec = {.pipeline = bundle.hash, .max_chunk_bytes = kSize}}, bundle.bytes);
    job = std::get<wire::Opened>(opened.front().message).job;
    say(producer, wire::Read{.job = job, .chunks = 1U << 20U, .bytes = 1U << 30U});
  }

  /// @returns whether the batch went all the way
  bool batch(std::uint64_t number, const Blob& payload) {
    wire::Submit submit{.job = job, .chunks = {{.first = number * kChunks, .count = kChunks}}};
    submit.lengths.values.assign(kChunks, kSize);
    auto sends = say(producer, std::move(submit), payload);
    std::uint64_t done = 0;
    for (std::size_t index = 0; index < sends.size(); ++index) {
      std::vector<Send> more;
      if (const auto* lease = std::get_if<wire::Lease>(&sends[index].message)) {
        more = say(worker, wire::Window{.lease = lease->lease, .chunks = 1U << 16U, .bytes = 1U << 28U});
      } else if (const auto* run = std::get_if<wire::Run>(&sends[index].message)) {
        const auto bytes = run->lengths.values.size() * kSize;
        more = say(worker, settle_of(*run, ErrorCode::ok, kSize), payload.slice(0, bytes));
      } else if (const auto* output = std::get_if<wire::Output>(&sends[index].message)) {
        done += output->lengths.values.size();
        more = say(producer, wire::Taken{.job = job, .cursor = output->cursor});
      }
      for (auto& send : more) sends.push_back(std::move(send));
    }
    return done == kChunks;
  }
};

}  // namespace
}  // namespace sublet::broker::testing

int main() {
  using namespace sublet::broker::testing;
  constexpr std::uint64_t kBatches = 100'000;
  Life life;
  life.start();
  const auto payload = zeros(kChunks * kSize);
  for (std::uint64_t number = 0; number < 1000; ++number) life.batch(number, payload);
  const auto begin = std::chrono::steady_clock::now();
  std::uint64_t whole = 0;
  for (std::uint64_t number = 1000; number < 1000 + kBatches; ++number) whole += life.batch(number, payload) ? 1 : 0;
  const std::chrono::duration<double> took = std::chrono::steady_clock::now() - begin;
  fmt::print("batches of {} chunks: {:.0f} ns per batch life, {:.2f} M chunks/s ({} of {} whole)\n", kChunks, took.count() * 1e9 / kBatches,
             static_cast<double>(kBatches * kChunks) / took.count() / 1e6, whole, kBatches);
  return whole == kBatches ? EXIT_SUCCESS : EXIT_FAILURE;
}
