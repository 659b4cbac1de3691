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

Peer* Peers::find_instance(std::uint64_t instance, ShardNumber shard) { return found_in(instances_, std::pair(instance, shard)); }

Peer& Peers::add(const io::RoutingId& control, const wire::Hello& hello, Token token, Instant now) {
  auto peer = std::make_unique<Peer>(Peer{.id = PeerId{++last_id_},
                                          .instance = hello.instance,
                                          .shard = hello.shard,
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
  instances_[{hello.instance, hello.shard}] = &added;
  peers_.emplace(added.id, std::move(peer));
  return added;
}

Result<Peer*> Peers::tie(const io::RoutingId& bulk, const wire::Hello& hello) {
  Peer* peer = find_instance(hello.instance, hello.shard);
  if (peer == nullptr || peer->token != hello.token) {
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
  instances_.erase({peer->instance, peer->shard});
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

std::vector<PeerId> Peers::of_shard(ShardNumber shard) const {
  std::vector<PeerId> found;
  for (const auto& [id, peer] : peers_) {
    if (peer->shard == shard) {
      found.push_back(id);
    }
  }
  return found;
}

std::size_t Peers::count(wire::Role role) const {
  std::size_t count = 0;
  std::uint64_t last = 0;
  // In the order of their instances, so that those of one process stand together.
  for (const auto& [key, peer] : instances_) {
    if (peer->role != role || (count > 0 && key.first == last)) {
      continue;
    }
    ++count;
    last = key.first;
  }
  return count;
}

}  // namespace sublet::broker
