#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "common/broker_choice.hpp"
#include "common/ids.hpp"
#include "common/random.hpp"
#include "common/shard.hpp"
#include "common/time.hpp"
#include "producer/core/connection.hpp"

namespace sublet::producer {

/// Where to open a job: beside the first of the queue's shards that keeps a job which it runs after, since a shard knows its own jobs
/// only; else where its key says.
ShardNumber shard_to_open(const Layout& layout, const JobSpec& spec);

/// The connections of a producer, one for each shard that it uses, made when it does. What is about one shard waits for no other. Used
/// under one lock, as a Connection.
class Router {
 public:
  struct Options {
    std::vector<std::string> brokers;  ///< control endpoints, at least one
    std::string name;
    Millis reconnect_first = 100ms;
    Millis reconnect_max = 5s;
  };
  /// @param random  lasts longer
  Router(Options options, Random& random);
  Router(const Router&) = delete;
  Router& operator=(const Router&) = delete;

  // ---- the shards ----

  /// How the cluster is cut; nothing before the first welcome.
  [[nodiscard]] std::optional<Layout> layout() const;
  /// `not_found` for a job of a shard that this cluster does not have.
  [[nodiscard]] Result<void> check(JobId job) const;
  /// The connection to that shard, made now if there is none.
  Connection& connection(ShardNumber shard, Instant now);
  /// The one that a job which is known here came over.
  Connection& connection(const KnownJob& job) { return connections_.at(shard_of(job.id)); }
  [[nodiscard]] const Connection& connection(const KnownJob& job) const { return connections_.at(shard_of(job.id)); }
  /// The state of a connection that was made.
  [[nodiscard]] const Link& link(ShardNumber shard) const { return connections_.at(shard).link(); }

  // ---- the sockets' side ----

  struct ShardEffects {
    ShardNumber shard = 0;
    Effects effects;
  };
  /// Does what is due, as `Connection::step`; only the shards that have something to do.
  std::vector<ShardEffects> step(Instant now);
  /// The same, and says goodbye wherever somebody listens.
  std::vector<ShardEffects> last_step(Instant now);
  [[nodiscard]] Instant next_deadline() const;
  Changes take_changes();

 private:
  Options options_;
  BrokerList brokers_;
  Random& random_;
  std::uint64_t instance_;
  std::map<ShardNumber, Connection> connections_;
};

}  // namespace sublet::producer
