#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "broker/core/step.hpp"
#include "broker/counters.hpp"
#include "broker/peers.hpp"
#include "broker/planes.hpp"
#include "broker/shards.hpp"
#include "common/time.hpp"

namespace sublet::broker {

struct OutboxOptions {
  /// What WELCOME says of this broker.
  std::string bulk_endpoint;
  Millis heartbeat = 1s;
  /// So many RUNs are not sent though their commit succeeded, as if they were lost on the way.
  std::uint32_t drop_runs = 0;
};

/// Sends what the core decided, each message on its plane. Never waits: credit keeps every peer below the high-water mark, and one that is
/// above it anyway does not read, so it is cut.
class Outbox {
 public:
  /// Everything referred to lasts longer.
  Outbox(Planes& planes, Peers& peers, OutboxOptions options, Counters& counters)
      : planes_(planes), peers_(peers), options_(std::move(options)), counters_(counters) {}

  /// Messages to a peer that is gone are dropped; those for a bulk plane that has not said HELLO yet wait for it. SETTLED, which nobody
  /// waits for, is held until another message goes to that peer, or `release_at`: alone it would wake a worker once more for every lone
  /// chunk.
  void send(Send send, Instant now);

  /// When `release_held` has to be called; nothing while nothing is held.
  [[nodiscard]] std::optional<Instant> release_at() const { return release_at_; }
  void release_held();

  /// Sends what waited. To be called when HELLO came on bulk.
  void bulk_is_there(Peer& peer);

  /// Asks a peer whether it is there.
  void ping(Peer& peer);

  /// Tells the shards of the peers that were cut since the last call.
  void take_lost(const Shards& shards);

  /// Tells every peer of a shard, under request id 0, why it is served here no more, and forgets them.
  void dismiss(ShardNumber shard, const wire::ErrorReply& why);

 private:
  void deliver(Peer& peer, const Send& send);
  void hold(Peer& peer, Send send, Instant now);
  void release(PeerId id);
  void wait_for_bulk(Peer& peer, Send send);
  void cut(Peer& peer, std::uint64_t& counter);
  void complete(Peer& peer, wire::Welcome& welcome) const;

  Planes& planes_;
  Peers& peers_;
  OutboxOptions options_;
  Counters& counters_;
  std::vector<std::pair<PeerId, ShardNumber>> lost_;
  std::vector<PeerId> holding_;  ///< may name peers that hold nothing any more
  std::optional<Instant> release_at_;
};

}  // namespace sublet::broker
