#include "bench/queue/ceiling.hpp"

#include <cstdlib>
#include <cstring>

#include <fmt/format.h>

#include "common/io/clock.hpp"
#include "common/io/ready.hpp"
#include "common/io/socket.hpp"
#include "tests/support/cluster.hpp"

namespace sublet::bench {
namespace {

template <class T>
T must(Result<T> result) {
  if (result) return std::move(*result);
  fmt::print(stderr, "queue_bench: {}\n", to_text(result.error()));
  std::exit(1);
}

void must_send(io::SendOutcome outcome) {
  if (outcome == io::SendOutcome::sent) return;
  fmt::print(stderr, "queue_bench: a message of the ceiling was not sent\n");
  std::exit(1);
}

void forward(io::Socket& from, io::Socket& to, const io::RoutingId& peer, io::RoutingId* sender) {
  while (auto message = from.receive()) {
    if (sender != nullptr) *sender = message->from;
    if (peer.empty()) continue;
    const Blob payload = message->payload.value_or(Blob());
    must_send(to.send(peer, message->head.view(), std::span(&payload, 1), message->payload.has_value()));
  }
}

}  // namespace

int run_relay(int ready_fd) {
  io::Context context;
  auto front = must(io::Socket::router(context, "tcp://127.0.0.1:*"));
  auto back = must(io::Socket::router(context, "tcp://127.0.0.1:*"));
  if (!io::write_ready(ready_fd, {{"front", front.endpoint()}, {"back", back.endpoint()}})) return 1;
  io::Poller poller;
  const auto front_index = poller.add(front);
  poller.add(back);
  // The echo process speaks first, so its name is known before there is anything for it.
  io::RoutingId producer;
  io::RoutingId worker;
  while (worker.empty()) {
    poller.wait(std::nullopt);
    forward(back, front, {}, &worker);
  }
  for (;;) {
    poller.wait(std::nullopt);
    if (poller.readable(front_index)) forward(front, back, worker, &producer);
    forward(back, front, producer, nullptr);
  }
}

int run_echo(const std::string& endpoint, int ready_fd) {
  io::Context context;
  auto socket = must(io::Socket::dealer(context, endpoint));
  must_send(socket.send(as_view("hello"), {}, false));
  if (!io::write_ready(ready_fd, {})) return 1;
  io::Poller poller;
  poller.add(socket);
  for (;;) {
    poller.wait(std::nullopt);
    while (auto message = socket.receive()) {
      const Blob payload = message->payload.value_or(Blob());
      must_send(socket.send(message->head.view(), std::span(&payload, 1), message->payload.has_value()));
    }
  }
}

struct Ceiling::State {
  test::Started relay = test::start("queue_bench", {"--role", "relay"});
  test::Started echo = test::start("queue_bench", {"--role", "echo", "--connect", relay.ready.at("back")});
  io::Context context;
  io::Socket socket = must(io::Socket::dealer(context, relay.ready.at("front")));
  io::Poller poller;
  std::vector<std::byte> head = std::vector<std::byte>(64);

  State() { poller.add(socket); }

  void send(const Blob& payload) { must_send(socket.send(head, std::span(&payload, 1), true)); }

  std::size_t receive_all() {
    std::size_t count = 0;
    while (socket.receive()) ++count;
    return count;
  }

  void await_one() {
    while (receive_all() == 0) poller.wait(std::nullopt);
  }
};

// The relay learns the producer's name from its first message, whose echo finds no way back if the worker is faster: so wait for one round.
Ceiling::Ceiling() : state_(std::make_unique<State>()) {
  state_->send(Blob());
  state_->await_one();
}

Ceiling::~Ceiling() = default;

double Ceiling::rate(const Shape& shape) {
  // Lengths and ids travel too, as they do in SUBMIT.
  const auto payload = Blob::copy_of(std::vector<std::byte>((shape.chunk_bytes + 4) * shape.batch));
  const auto start = io::now();
  std::size_t sent = 0;
  std::size_t received = 0;
  while (io::now() - start < shape.duration) {
    for (; sent - received < shape.in_flight; ++sent) state_->send(payload);
    state_->poller.wait(std::nullopt);
    received += state_->receive_all();
  }
  const std::chrono::duration<double> seconds = io::now() - start;
  const double rate = static_cast<double>(received * shape.batch) / seconds.count();
  while (received < sent) {
    state_->poller.wait(std::nullopt);
    received += state_->receive_all();
  }
  return rate;
}

Latency Ceiling::round_trip(std::size_t rounds) {
  const auto payload = Blob::copy_of(std::vector<std::byte>(64));
  std::vector<Nanos> samples;
  samples.reserve(rounds);
  for (std::size_t round = 0; round < rounds; ++round) {
    const auto start = io::now();
    state_->send(payload);
    state_->await_one();
    samples.push_back(io::now() - start);
  }
  return percentiles(std::move(samples));
}

}  // namespace sublet::bench
