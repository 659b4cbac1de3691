#include "producer/planes.hpp"

#include <utility>

namespace sublet::producer {

namespace {

/// Messages taken from one socket before the other has its turn and answers go out.
constexpr std::size_t kReceiveBurst = 64;

}  // namespace

Planes::Planes(Options options) : options_(std::move(options)) { watch_all(); }

void Planes::watch_all() {
  poller_ = io::Poller();
  poller_.add(options_.wakeup_fd);
  if (control_) poller_.add(*control_);
  if (bulk_) poller_.add(*bulk_);
}

Result<void> Planes::open(std::optional<io::Socket>& socket, const std::string& endpoint) {
  auto opened = io::Socket::dealer(context_, endpoint, options_.sockets);
  if (!opened) return std::unexpected(opened.error());
  socket = std::move(*opened);
  watch_all();
  return {};
}

Result<void> Planes::apply(Effects effects) {
  if (effects.close) {
    unsent_.clear();
    control_.reset();
    bulk_.reset();
    watch_all();
  }
  if (effects.connect) {
    if (auto opened = open(control_, options_.broker); !opened) return opened;
  }
  if (effects.connect_bulk) {
    if (auto opened = open(bulk_, *effects.connect_bulk); !opened) return opened;
  }
  for (Outgoing& message : effects.sends) unsent_.push_back(std::move(message));
  flush();
  return {};
}

void Planes::flush() {
  while (!unsent_.empty() && send(unsent_.front())) unsent_.pop_front();
}

bool Planes::send(const Outgoing& message) {
  auto& socket = message.plane == wire::Plane::control ? control_ : bulk_;
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
  receive(wire::Plane::control, control_, arrived);
  receive(wire::Plane::bulk, bulk_, arrived);
  return arrived;
}

void Planes::receive(wire::Plane plane, std::optional<io::Socket>& socket, std::vector<Incoming>& arrived) {
  if (!socket) return;
  for (std::size_t count = 0; count < kReceiveBurst; ++count) {
    auto message = socket->receive();
    if (!message) return;
    std::optional<std::size_t> payload_bytes;
    if (message->payload) payload_bytes = message->payload->size();
    arrived.push_back({.plane = plane,
                       .decoded = wire::decode(message->head.view(), payload_bytes),
                       .payload = std::move(message->payload).value_or(Blob{})});
  }
}

}  // namespace sublet::producer
