#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <unordered_map>
#include <vector>

#include "broker/core/step.hpp"
#include "common/error.hpp"
#include "common/ids.hpp"
#include "common/io/socket.hpp"
#include "common/time.hpp"
#include "common/wire/messages.hpp"

namespace sublet::broker {

/// A process that said HELLO on control: its connections on both planes, under one id.
struct Peer {
  PeerId id;
  std::uint64_t instance = 0;
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
  /// Of that process; nothing when it is not connected.
  Peer* find_instance(std::uint64_t instance);

  /// Takes up a peer that said HELLO on control. A peer of its instance or routing id must have been removed before.
  Peer& add(const io::RoutingId& control, const wire::Hello& hello, Token token, Instant now);

  /// Ties a routing id of the bulk plane to the peer that holds `token`, instead of an earlier one. `hello_required` when none does.
  Result<Peer*> tie(const io::RoutingId& bulk, std::uint64_t instance, Token token);

  void remove(PeerId id);

  /// Those heard last before `since`.
  [[nodiscard]] std::vector<PeerId> silent_since(Instant since) const;

  [[nodiscard]] std::size_t size() const { return peers_.size(); }
  [[nodiscard]] std::size_t count(wire::Role role) const;

 private:
  using ByRoutingId = std::unordered_map<io::RoutingId, Peer*>;

  std::unordered_map<PeerId, std::unique_ptr<Peer>> peers_;
  ByRoutingId control_;
  ByRoutingId bulk_;
  std::unordered_map<std::uint64_t, Peer*> instances_;
  std::uint64_t last_id_ = 0;
};

}  // namespace sublet::broker
