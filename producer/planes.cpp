#include "producer/planes.hpp"

#include <algorithm>
#include <utility>

namespace sublet::producer {

namespace {

/// Messages taken from one socket before the other has its turn and answers go out.
constexpr std::size_t kReceiveBurst = 64;

}  // namespace

Planes::Planes(Options options) : options_(options) { watch_all(); }

void Planes::watch_all() {
  poller_ = io::Poller();
  poller_.add(options_.wakeup_fd);
  for (const auto& [shard, pair] : pairs_) {
    if (pair.control) poller_.add(*pair.control);
    if (pair.bulk) poller_.add(*pair.bulk);
  }
}

Result<void> Planes::open(std::optional<io::Socket>& socket, const std::string& endpoint) {
  auto opened = io::Socket::dealer(context_, endpoint, options_.sockets);
  if (!opened) return std::unexpected(opened.error());
  socket = std::move(*opened);
  watch_all();
  return {};
}

Result<void> Planes::apply(ShardNumber shard, Effects effects) {
  Pair& pair = pairs_[shard];
  if (effects.close) {
    pair = {};
    watch_all();
  }
  if (effects.connect) {
    if (auto opened = open(pair.control, *effects.connect); !opened) return opened;
  }
  if (effects.connect_bulk) {
    if (auto opened = open(pair.bulk, *effects.connect_bulk); !opened) return opened;
  }
  for (Outgoing& message : effects.sends) pair.unsent.push_back(std::move(message));
  flush(pair);
  return {};
}

std::vector<ShardNumber> Planes::take_disconnected() {
  std::vector<ShardNumber> shards;
  for (auto& [shard, pair] : pairs_) {
    const bool control = pair.control && pair.control->take_disconnected();
    const bool bulk = pair.bulk && pair.bulk->take_disconnected();
    if (control || bulk) shards.push_back(shard);
  }
  return shards;
}

bool Planes::blocked() const {
  return std::ranges::any_of(pairs_, [](const auto& entry) { return !entry.second.unsent.empty(); });
}

void Planes::flush() {
  for (auto& [shard, pair] : pairs_) flush(pair);
}

void Planes::flush(Pair& pair) {
  while (!pair.unsent.empty() && send(pair, pair.unsent.front())) pair.unsent.pop_front();
}

bool Planes::send(Pair& pair, const Outgoing& message) {
  auto& socket = message.plane == wire::Plane::control ? pair.control : pair.bulk;
  if (!socket) return true;  // The connection it was meant for is gone; what matters is repeated over the next.
  head_.clear();
  wire::encode(message.request, message.message, head_);
  const Blob payload = message.payload.value_or(Blob{});
  return socket->send(head_, std::span(&payload, 1), message.payload.has_value()) != io::SendOutcome::full;
}

bool Planes::wait(std::optional<Millis> timeout) {
  poller_.wait(timeout);
  return poller_.readable(0);
}

std::vector<Incoming> Planes::receive() {
  std::vector<Incoming> arrived;
  for (auto& [shard, pair] : pairs_) {
    receive(shard, wire::Plane::control, pair.control, arrived);
    receive(shard, wire::Plane::bulk, pair.bulk, arrived);
  }
  return arrived;
}

void Planes::receive(ShardNumber shard, wire::Plane plane, std::optional<io::Socket>& socket, std::vector<Incoming>& arrived) {
  if (!socket) return;
  for (std::size_t count = 0; count < kReceiveBurst; ++count) {
    auto message = socket->receive();
    if (!message) return;
    std::optional<std::size_t> payload_bytes;
    if (message->payload) payload_bytes = message->payload->size();
    arrived.push_back({.shard = shard,
                       .plane = plane,
                       .decoded = wire::decode(message->head.view(), payload_bytes),
                       .payload = std::move(message->payload).value_or(Blob{})});
  }
}

}  // namespace sublet::producer
