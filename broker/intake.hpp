#pragma once

#include <vector>

#include "broker/core/step.hpp"
#include "broker/counters.hpp"
#include "broker/outbox.hpp"
#include "broker/peers.hpp"
#include "broker/planes.hpp"
#include "common/io/socket.hpp"
#include "common/random.hpp"
#include "common/shard.hpp"
#include "common/time.hpp"

namespace sublet::broker {

/// Turns what arrives into inputs of the core, and answers by itself what is no matter of jobs and leases: HELLO on bulk, PING, strangers,
/// and messages that cannot be read.
class Intake {
 public:
  /// Everything referred to lasts longer.
  /// @param shard  the one that is served here
  Intake(ShardNumber shard, Planes& planes, Peers& peers, Outbox& outbox, Random& random, Counters& counters)
      : shard_(shard), planes_(planes), peers_(peers), outbox_(outbox), random_(random), counters_(counters) {}

  /// Takes up to `limit` messages. Returns whether none is left.
  bool drain(wire::Plane plane, std::size_t limit, Instant now, std::vector<Input>& inputs);

 private:
  struct Envelope {
    wire::Plane plane;
    io::RoutingId from;
    std::uint64_t request = 0;
  };

  void take(wire::Plane plane, io::Received received, Instant now, std::vector<Input>& inputs);
  void hello_on_control(const Envelope& envelope, wire::Hello hello, Instant now, std::vector<Input>& inputs);
  void hello_on_bulk(const Envelope& envelope, const wire::Hello& hello, Instant now);
  void answer(const Envelope& envelope, const wire::Message& message);
  void refuse(const Envelope& envelope, const Error& error);
  void forget(Peer* peer, std::vector<Input>& inputs);

  ShardNumber shard_;
  Planes& planes_;
  Peers& peers_;
  Outbox& outbox_;
  Random& random_;
  Counters& counters_;
};

}  // namespace sublet::broker
