#include "tests/sim/network.hpp"

#include <algorithm>

#include "common/wire/codec.hpp"

namespace sublet::sim {

LinkId Network::connect(ClientEnd& client, wire::Plane plane) {
  const auto id = ++last_link_;
  links_.emplace(id, Link{.id = id, .client = &client, .plane = plane});
  come_up(id, simulation_.dice.between(Nanos(100us), Nanos(2ms)));
  return id;
}

void Network::come_up(LinkId id, Nanos delay) {
  simulation_.time.after(delay, [this, id] {
    const auto found = links_.find(id);
    if (found == links_.end() || found->second.closed || found->second.server != nullptr) return;
    // ZeroMQ tries again and again.
    if (listener_ == nullptr) return come_up(id, simulation_.dice.between(Nanos(50ms), Nanos(150ms)));
    bind(found->second);
  });
}

void Network::bind(Link& link) {
  link.server = listener_;
  link.routing = fmt::format("{}{}", link.plane == wire::Plane::control ? 'c' : 'b', ++last_routing_);
  by_routing_[link.routing] = link.id;
  for (auto& packet : std::exchange(link.unsent, {})) launch(link, link.to_server, std::move(packet), true);
}

void Network::close(LinkId id) {
  const auto found = links_.find(id);
  if (found == links_.end()) return;
  auto& link = found->second;
  link.closed = true;
  link.client = nullptr;
  link.unsent.clear();
  link.to_client.clear();
  if (link.server == nullptr || link.to_server.empty()) {
    by_routing_.erase(link.routing);
    links_.erase(found);
    return;
  }
  // What was handed to the kernel may arrive or not.
  const auto kept = simulation_.dice.between(0, link.to_server.size());
  link.to_server.resize(kept);
}

void Network::send(LinkId id, Packet packet) {
  const auto found = links_.find(id);
  if (found == links_.end() || found->second.closed) return;
  auto& link = found->second;
  if (link.server == nullptr) {
    link.unsent.push_back(std::move(packet));
    return;
  }
  launch(link, link.to_server, std::move(packet), true);
}

bool Network::send_back(const std::string& to, Packet packet) {
  const auto found = by_routing_.find(to);
  if (found == by_routing_.end()) return false;
  auto& link = links_.at(found->second);
  // The peer's end is closed, and this side has not been told yet.
  if (link.closed) return true;
  launch(link, link.to_client, std::move(packet), false);
  return true;
}

Packet Network::through_codec(Packet packet) const {
  std::vector<std::byte> frame;
  wire::encode(packet.request, packet.message, frame);
  const bool carries = wire::carries_payload(wire::type_of(packet.message));
  auto decoded = wire::decode(frame, carries ? std::optional(packet.payload.size()) : std::nullopt);
  if (!decoded)
    throw Violation(
        fmt::format("a message that is sent can be read: {} is not: {}", text_of(packet.message), to_text(decoded.error().error)));
  if (decoded->message != packet.message)
    throw Violation(fmt::format("a message is read as it was written: {} is not", text_of(packet.message)));
  return {.request = decoded->header.request, .message = std::move(decoded->message), .payload = std::move(packet.payload)};
}

void Network::launch(Link& link, std::deque<Flight>& flights, Packet packet, bool up) {
  if (simulation_.plan.encodes) packet = through_codec(std::move(packet));
  auto& dice = simulation_.dice;
  auto delay = Nanos(simulation_.plan.latency) + dice.between(Nanos(20us), Nanos(simulation_.plan.jitter) + Nanos(50us));
  if (simulation_.mishap(simulation_.plan.slow_message)) delay += simulation_.plan.slowness;
  auto due = simulation_.time.now() + delay;
  if (!flights.empty()) due = std::max(due, flights.back().due);
  flights.push_back({.due = due, .packet = std::move(packet)});
  simulation_.time.at(due, [this, id = link.id, epoch = link.epoch, up] { land(id, epoch, up); });
}

void Network::land(LinkId id, std::uint64_t epoch, bool up) {
  const auto found = links_.find(id);
  if (found == links_.end() || found->second.epoch != epoch) return;
  auto& link = found->second;
  auto& flights = up ? link.to_server : link.to_client;
  if (flights.empty()) return;
  if (simulation_.time.now() < link.stalled_until) {
    simulation_.time.at(link.stalled_until, [this, id, epoch, up] { land(id, epoch, up); });
    return;
  }
  auto packet = std::move(flights.front().packet);
  flights.pop_front();
  if (!up) {
    if (simulation_.trace.on()) simulation_.tell(link.client->name(), "<- #{} {}", packet.request, text_of(packet.message));
    link.client->arrived(id, std::move(packet));
    return;
  }
  auto* const server = link.server;
  const auto from = link.routing;
  const auto plane = link.plane;
  if (link.closed && flights.empty()) {
    by_routing_.erase(from);
    links_.erase(found);
  }
  if (simulation_.trace.on()) simulation_.tell(server->name(), "<- {} #{} {}", from, packet.request, text_of(packet.message));
  server->arrived(plane, from, std::move(packet));
}

/// A suffix of what is on its way is gone; what was before it arrives.
void Network::lose(Link& link) {
  ++link.epoch;
  by_routing_.erase(link.routing);
  auto arrives = std::exchange(link.to_client, {});
  arrives.resize(simulation_.dice.between(0, arrives.size()));
  auto reaches = std::exchange(link.to_server, {});
  reaches.resize(link.server == nullptr ? 0 : simulation_.dice.between(0, reaches.size()));
  auto* const server = std::exchange(link.server, nullptr);
  link.stalled_until = {};
  const auto id = link.id;
  const auto plane = link.plane;
  const auto routing = link.routing;
  for (auto& flight : reaches) server->arrived(plane, routing, std::move(flight.packet));
  for (auto& flight : arrives) {
    const auto found = links_.find(id);
    if (found == links_.end() || found->second.closed) return;
    if (simulation_.trace.on())
      simulation_.tell(found->second.client->name(), "<- #{} {}", flight.packet.request, text_of(flight.packet.message));
    found->second.client->arrived(id, std::move(flight.packet));
  }
}

void Network::cut(LinkId id) {
  const auto found = links_.find(id);
  if (found == links_.end() || found->second.server == nullptr || found->second.closed) return;
  simulation_.tell("network", "connection {} of {} breaks", found->second.routing, found->second.client->name());
  lose(found->second);
  come_up(id, simulation_.dice.between(Nanos(1ms), Nanos(300ms)));
}

void Network::stall(LinkId id, Nanos duration) {
  const auto found = links_.find(id);
  if (found == links_.end()) return;
  auto& link = found->second;
  simulation_.tell("network", "nothing passes connection {} for {} ms", link.routing, duration / 1ms);
  link.stalled_until = std::max(link.stalled_until, simulation_.time.now() + duration);
}

void Network::heal() {
  for (auto& [id, link] : links_) link.stalled_until = std::min(link.stalled_until, simulation_.time.now());
}

void Network::listen(ServerEnd* server) { listener_ = server; }

void Network::died(ServerEnd& server) {
  if (listener_ == &server) listener_ = nullptr;
  for (const auto id : links()) {
    const auto found = links_.find(id);
    if (found == links_.end() || found->second.server != &server) continue;
    auto& link = found->second;
    // Nobody reads what was for the one who died.
    link.to_server.clear();
    if (link.closed) {
      by_routing_.erase(link.routing);
      links_.erase(found);
      continue;
    }
    lose(link);
    come_up(id, simulation_.dice.between(Nanos(1ms), Nanos(300ms)));
  }
}

std::vector<LinkId> Network::links() const {
  std::vector<LinkId> ids;
  for (const auto& [id, link] : links_) ids.push_back(id);
  return ids;
}

}  // namespace sublet::sim
