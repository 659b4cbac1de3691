#pragma once

#include "broker/claims.hpp"
#include "broker/core/step.hpp"
#include "broker/counters.hpp"
#include "broker/outbox.hpp"
#include "broker/peers.hpp"
#include "broker/planes.hpp"
#include "broker/shards.hpp"
#include "common/io/socket.hpp"
#include "common/random.hpp"
#include "common/shard.hpp"
#include "common/time.hpp"

namespace sublet::broker {

/// Turns what arrives into inputs of its shard, and answers by itself what is no matter of jobs and leases: HELLO on bulk, HELLO for a
/// shard that is not served here, PING, strangers, and messages that cannot be read.
class Intake {
 public:
  /// Everything referred to lasts longer.
  Intake(Planes& planes, Peers& peers, const Shards& shards, const Claims& claims, Outbox& outbox, Random& random, Counters& counters)
      : planes_(planes), peers_(peers), shards_(shards), claims_(claims), outbox_(outbox), random_(random), counters_(counters) {}

  /// Takes up to `limit` messages. Returns whether none is left.
  bool drain(wire::Plane plane, std::size_t limit, Instant now);

  /// What a peer of a shard is told that is not served here: who serves it, as far as that is known.
  [[nodiscard]] wire::ErrorReply elsewhere(ShardNumber shard) const;

  /// The peer is gone: its shard is told.
  void forget(Peer* peer);

 private:
  struct Envelope {
    wire::Plane plane;
    io::RoutingId from;
    std::uint64_t request = 0;
  };

  void take(wire::Plane plane, io::Received received, Instant now);
  void hello(const Envelope& envelope, wire::Hello hello, Instant now);
  void hello_on_control(const Envelope& envelope, Shard& shard, wire::Hello hello, Instant now);
  void hello_on_bulk(const Envelope& envelope, const wire::Hello& hello, Instant now);
  void hand_on(const Envelope& envelope, Peer& peer, wire::Message message, Blob payload);
  void answer(const Envelope& envelope, const wire::Message& message);
  void refuse(const Envelope& envelope, const Error& error);
  /// nullptr when the shard is not served here, or no longer.
  [[nodiscard]] Shard* find(ShardNumber number) const;

  Planes& planes_;
  Peers& peers_;
  const Shards& shards_;
  const Claims& claims_;
  Outbox& outbox_;
  Random& random_;
  Counters& counters_;
};

}  // namespace sublet::broker
