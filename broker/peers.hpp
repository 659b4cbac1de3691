#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include "broker/core/step.hpp"
#include "common/error.hpp"
#include "common/ids.hpp"
#include "common/io/socket.hpp"
#include "common/shard.hpp"
#include "common/time.hpp"
#include "common/wire/messages.hpp"

namespace sublet::broker {

/// A process that said HELLO on control for one shard: its connections on both planes, under one id.
struct Peer {
  PeerId id;
  std::uint64_t instance = 0;
  ShardNumber shard = 0;
  std::string name;
  wire::Role role = wire::Role::producer;
  /// What WELCOME gives and HELLO on bulk has to name.
  Token token;
  io::RoutingId control;
  /// Empty until HELLO came on bulk.
  io::RoutingId bulk;
  /// As it was sent on control; answers HELLO on bulk too.
  wire::Welcome welcome;
  /// Messages for the bulk plane that were decided before HELLO came there.
  std::vector<Send> waiting;
  std::size_t waiting_bytes = 0;
  /// SETTLEDs that wait for another message to travel with.
  std::vector<Send> held;
  Instant heard;
};

/// Who is connected. Pure: no socket, no clock.
class Peers {
 public:
  /// A peer of that routing id on that plane; nothing when it has not said HELLO there. Stays valid until the peer is removed.
  Peer* find(wire::Plane plane, const io::RoutingId& from);
  Peer* find(PeerId id);
  /// Of that process, for that shard; nothing when it is not connected.
  Peer* find_instance(std::uint64_t instance, ShardNumber shard);

  /// Takes up a peer that said HELLO on control. A peer of its instance and shard, or of its routing id, must have been removed before.
  Peer& add(const io::RoutingId& control, const wire::Hello& hello, Token token, Instant now);

  /// Ties a routing id of the bulk plane to the peer of that HELLO's instance, shard and token, instead of an earlier one.
  /// `hello_required` when there is none.
  Result<Peer*> tie(const io::RoutingId& bulk, const wire::Hello& hello);

  void remove(PeerId id);

  /// Those heard last before `since`.
  [[nodiscard]] std::vector<PeerId> silent_since(Instant since) const;

  [[nodiscard]] std::vector<PeerId> of_shard(ShardNumber shard) const;

  [[nodiscard]] std::size_t size() const { return peers_.size(); }
  /// Processes: one with connections for several shards counts once.
  [[nodiscard]] std::size_t count(wire::Role role) const;

 private:
  using ByRoutingId = std::unordered_map<io::RoutingId, Peer*>;

  std::unordered_map<PeerId, std::unique_ptr<Peer>> peers_;
  ByRoutingId control_;
  ByRoutingId bulk_;
  std::map<std::pair<std::uint64_t, ShardNumber>, Peer*> instances_;
  std::uint64_t last_id_ = 0;
};

}  // namespace sublet::broker
