#include "broker/peers.hpp"

#include <algorithm>

#include <fmt/format.h>

namespace sublet::broker {

namespace {

template <class Map, class Key>
Peer* found_in(const Map& map, const Key& key) {
  const auto found = map.find(key);
  return found == map.end() ? nullptr : &*found->second;
}

}  // namespace

Peer* Peers::find(wire::Plane plane, const io::RoutingId& from) { return found_in(plane == wire::Plane::control ? control_ : bulk_, from); }

Peer* Peers::find(PeerId id) { return found_in(peers_, id); }

Peer* Peers::find_instance(std::uint64_t instance) { return found_in(instances_, instance); }

Peer& Peers::add(const io::RoutingId& control, const wire::Hello& hello, Token token, Instant now) {
  auto peer = std::make_unique<Peer>(Peer{.id = PeerId{++last_id_},
                                          .instance = hello.instance,
                                          .name = hello.name,
                                          .role = hello.role,
                                          .token = token,
                                          .control = control,
                                          .bulk = {},
                                          .welcome = {},
                                          .waiting = {},
                                          .heard = now});
  Peer& added = *peer;
  control_[control] = &added;
  instances_[hello.instance] = &added;
  peers_.emplace(added.id, std::move(peer));
  return added;
}

Result<Peer*> Peers::tie(const io::RoutingId& bulk, std::uint64_t instance, Token token) {
  Peer* peer = find_instance(instance);
  if (peer == nullptr || peer->token != token) {
    return fail(ErrorCode::hello_required,
                "the token of this HELLO on bulk is not known: say HELLO on control and name the token of its WELCOME");
  }
  // The connection may have served another peer of the same process.
  if (Peer* former = find(wire::Plane::bulk, bulk); former != nullptr) {
    former->bulk.clear();
  }
  bulk_.erase(peer->bulk);
  peer->bulk = bulk;
  bulk_[bulk] = peer;
  return peer;
}

void Peers::remove(PeerId id) {
  Peer* peer = find(id);
  if (peer == nullptr) {
    return;
  }
  control_.erase(peer->control);
  bulk_.erase(peer->bulk);
  instances_.erase(peer->instance);
  peers_.erase(id);
}

std::vector<PeerId> Peers::silent_since(Instant since) const {
  std::vector<PeerId> silent;
  for (const auto& [id, peer] : peers_) {
    if (peer->heard < since) {
      silent.push_back(id);
    }
  }
  return silent;
}

std::size_t Peers::count(wire::Role role) const {
  return static_cast<std::size_t>(std::ranges::count_if(peers_, [&](const auto& peer) { return peer.second->role == role; }));
}

}  // namespace sublet::broker
