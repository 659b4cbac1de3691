#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "broker/stores/cluster_record.hpp"
#include "broker/stores/redis_session.hpp"
#include "broker/stores/redis_url.hpp"
#include "common/error.hpp"
#include "common/random.hpp"
#include "common/shard.hpp"
#include "common/time.hpp"

namespace sublet::broker {

/// Who is alive and who holds what, by one Redis. Brokers go by their control endpoints.
struct RedisSighting {
  std::vector<std::string> brokers;
  /// Of the shards that live there; empty: nobody.
  std::map<ShardNumber, std::string> owners;
};

struct RosterOptions {
  Durability demanded = Durability::fast;
  RedisTiming timing = {};
  /// How often a broker says that it is alive, and looks who else is and what is free.
  Millis interval = 200ms;
  /// Without a sign of life for so long it is not. Less than a hold lasts, so that whoever finds a shard free knows who may take it.
  Millis expiry = 1200ms;
};

/// Where the brokers of a cluster find each other, in one of its Redis. Never blocks, except in `open` and `leave`. Used by one thread.
///
///   sublet:{cluster}:settings   hash: how the cluster is cut, and which of its stores this is
///   sublet:{cluster}:brokers    sorted set: brokers by the time, on Redis's clock, at which they count as dead
class RedisRoster {
 public:
  /// Connects, and makes the store part of a cluster when it is none yet.
  /// @param first  the cluster's id as its first store has it; nothing: this is the first
  static Result<RedisRoster> open(const RedisAddress& address, const ClusterWishes& wishes, std::uint32_t place,
                                  std::optional<ClusterRecord> first, const RosterOptions& options, Random& random);

  [[nodiscard]] const ClusterRecord& cluster() const { return record_; }
  [[nodiscard]] const std::string& name() const { return session_.name(); }

  /// From now on this broker is one of the cluster's.
  void join(std::string endpoint);
  /// It is none any more; the others need not wait until that shows. What cannot be said in a moment is left unsaid.
  void leave();

  /// Readable when `pump` has something to do.
  [[nodiscard]] int fd() const { return session_.fd(); }
  void pump(Instant now);
  /// The newest one since the last call.
  std::optional<RedisSighting> take_sighting() { return std::exchange(sighting_, std::nullopt); }
  /// Why the cluster is out of sight; nothing while it was seen lately.
  [[nodiscard]] std::optional<Error> trouble(Instant now) const;

 private:
  RedisRoster(RedisSession session, const RosterOptions& options) : options_(options), session_(std::move(session)) {}
  Result<void> take_part(const ClusterWishes& wishes, std::uint32_t place, std::optional<ClusterRecord> first, Random& random);
  void take_answers(Instant now);
  void look(Instant now);
  void read(const std::vector<RedisReply>& replies, Instant now);

  RosterOptions options_;
  RedisSession session_;
  ClusterRecord record_;
  std::string endpoint_;
  bool joined_ = false;
  std::vector<ShardNumber> shards_;  ///< that live here
  /// Of the round that was sent last; its connection, 0 when it has been answered.
  Instant looked_;
  std::uint64_t looking_ = 0;
  Instant seen_ = Instant::min();
  /// What Redis refused the last look with.
  std::optional<Error> refusal_;
  std::optional<RedisSighting> sighting_;
};

}  // namespace sublet::broker
