#include "broker/outbox.hpp"

#include <algorithm>
#include <utility>

namespace sublet::broker {

namespace {

/// What may wait for HELLO on bulk. A peer that speaks on control only must not fill the broker.
constexpr std::size_t kWaitingMessages = 1'024;
constexpr std::size_t kWaitingBytes = std::size_t{128} << 20U;

/// How long SETTLED waits for company, and how many of one peer: a worker keeps outputs until then.
constexpr Millis kHold = 5ms;
constexpr std::size_t kHeldMessages = 16;

std::size_t payload_bytes(const Send& send) {
  std::size_t bytes = 0;
  for (const Blob& piece : send.payload) {
    bytes += piece.size();
  }
  return bytes;
}

}  // namespace

void Outbox::send(Send send, Instant now) {
  Peer* peer = peers_.find(send.peer);
  if (peer == nullptr) {
    return;
  }
  if (options_.drop_runs > counters_.dropped_runs && std::holds_alternative<wire::Run>(send.message)) {
    ++counters_.dropped_runs;
    return;
  }
  if (auto* welcome = std::get_if<wire::Welcome>(&send.message)) {
    complete(*peer, *welcome);
  }
  if (plane_of(wire::type_of(send.message)) == wire::Plane::bulk && peer->bulk.empty()) {
    return wait_for_bulk(*peer, std::move(send));
  }
  if (std::holds_alternative<wire::Settled>(send.message)) {
    return hold(*peer, std::move(send), now);
  }
  deliver(*peer, send);
  release(send.peer);
}

void Outbox::hold(Peer& peer, Send send, Instant now) {
  if (peer.held.empty()) {
    holding_.push_back(peer.id);
  }
  peer.held.push_back(std::move(send));
  if (peer.held.size() >= kHeldMessages) {
    return release(peer.id);
  }
  if (!release_at_) {
    release_at_ = now + kHold;
  }
}

void Outbox::release(PeerId id) {
  Peer* peer = peers_.find(id);
  if (peer == nullptr || peer->held.empty()) {
    return;
  }
  for (const Send& send : std::exchange(peer->held, {})) {
    // The peer may have been cut by the message before.
    if (Peer* still = peers_.find(id); still != nullptr) {
      deliver(*still, send);
    }
  }
}

void Outbox::release_held() {
  release_at_.reset();
  for (const PeerId peer : std::exchange(holding_, {})) {
    release(peer);
  }
}

void Outbox::bulk_is_there(Peer& peer) {
  const PeerId id = peer.id;
  peer.waiting_bytes = 0;
  for (const Send& send : std::exchange(peer.waiting, {})) {
    // The peer may have been cut by the message before.
    if (Peer* still = peers_.find(id); still != nullptr) {
      deliver(*still, send);
    }
  }
}

void Outbox::ping(Peer& peer) { deliver(peer, {.peer = peer.id, .request = 0, .message = wire::Ping{}, .payload = {}}); }

void Outbox::take_lost(const Shards& shards) {
  for (const auto& [peer, number] : lost_) {
    if (Shard* shard = shards.find(number); shard != nullptr) {
      shard->inputs().emplace_back(PeerGone{peer});
    }
  }
  lost_.clear();
}

void Outbox::dismiss(ShardNumber shard, const wire::ErrorReply& why) {
  for (const PeerId id : peers_.of_shard(shard)) {
    deliver(*peers_.find(id), {.peer = id, .request = 0, .message = why, .payload = {}});
    peers_.remove(id);
  }
}

void Outbox::deliver(Peer& peer, const Send& send) {
  const wire::Plane plane = plane_of(wire::type_of(send.message));
  const io::RoutingId& to = plane == wire::Plane::control ? peer.control : peer.bulk;
  switch (planes_.send(plane, to, send.request, send.message, send.payload)) {
    case io::SendOutcome::sent:
      ++counters_.sent;
      return;
    case io::SendOutcome::full:
      return cut(peer, counters_.full);
    case io::SendOutcome::unreachable:
      return cut(peer, counters_.unreachable);
  }
}

void Outbox::wait_for_bulk(Peer& peer, Send send) {
  peer.waiting_bytes += payload_bytes(send);
  peer.waiting.push_back(std::move(send));
  if (peer.waiting.size() > kWaitingMessages || peer.waiting_bytes > kWaitingBytes) {
    cut(peer, counters_.full);
  }
}

void Outbox::cut(Peer& peer, std::uint64_t& counter) {
  ++counter;
  lost_.emplace_back(peer.id, peer.shard);
  peers_.remove(peer.id);
}

void Outbox::complete(Peer& peer, wire::Welcome& welcome) const {
  welcome.minor = std::min(welcome.minor, wire::kMinor);
  welcome.token = peer.token;
  welcome.bulk = options_.bulk_endpoint;
  welcome.heartbeat_ms = static_cast<std::uint32_t>(options_.heartbeat.count());
  peer.welcome = welcome;
}

}  // namespace sublet::broker
