#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "broker/claims.hpp"
#include "broker/core/options.hpp"
#include "broker/core/sharing.hpp"
#include "broker/openings.hpp"
#include "broker/stores/cluster_record.hpp"
#include "broker/stores/make_store.hpp"
#include "broker/stores/redis_roster.hpp"
#include "common/io/log.hpp"
#include "common/io/random.hpp"

namespace sublet::broker {

/// Shards kept in Redis, shared with every broker that is alive. A shard lives in store number (shard mod stores). What this broker does
/// about the shards of a store depends on that store alone, so that one that is away holds up its own shards only.
class RedisClaims final : public Claims {
 public:
  /// Connects to every store and checks that all of them are the stores of one cluster, in their order; blocks meanwhile. Errors as
  /// `RedisRoster::open`, those that may pass with `retry_after_ms`.
  /// @param rules  of every shard; which one it is and how the cluster is cut is filled in
  static Result<std::unique_ptr<RedisClaims>> open(const std::vector<std::string>& urls, const ClusterWishes& cluster,
                                                   const StoreWishes& wishes, const BrokerOptions& rules, io::Log log);

  [[nodiscard]] Layout layout() const override { return rosters_.front().cluster().layout; }
  [[nodiscard]] std::string store_name() const override;
  void begin(const std::string& control_endpoint) override;
  [[nodiscard]] std::vector<int> fds() const override;
  Result<ClaimChanges> changes(Instant now) override;
  [[nodiscard]] bool has_settled() const override { return settled_; }
  [[nodiscard]] std::optional<Error> trouble(Instant now) const override;
  [[nodiscard]] std::string owner_of(ShardNumber shard) const override;
  void close(ShardNumber shard, std::unique_ptr<Store> store) override;
  bool end() override;

 private:
  /// What this broker has to do with a shard; without one: nothing.
  enum class Stage : std::uint8_t { opening, served, leaving };

  RedisClaims(const std::vector<std::string>& urls, StoreWishes wishes, const BrokerOptions& rules, std::vector<RedisRoster> rosters,
              std::unique_ptr<Openings> openings, io::Log log);
  Result<void> take_up(Instant now, ClaimChanges& changes);
  void decide(std::size_t store, const RedisSighting& sighting, Instant now, ClaimChanges& changes);
  void open_shard_of(ShardNumber shard);
  [[nodiscard]] std::map<std::string, std::size_t> held_elsewhere(std::size_t store) const;
  void look_whether_settled();
  Result<void> look_for_trouble(Instant now);

  std::vector<std::string> urls_;
  StoreWishes wishes_;
  BrokerOptions rules_;
  io::Log log_;
  std::vector<RedisRoster> rosters_;
  std::string me_;
  std::map<ShardNumber, Stage> stages_;
  /// As last seen; empty: nobody.
  std::map<ShardNumber, std::string> owners_;
  /// Stores that were seen at least once.
  std::set<std::size_t> seen_;
  /// A shard that could not be opened is left alone until then.
  std::map<ShardNumber, Instant> not_before_;
  bool settled_ = false;
  /// What was said last of a cluster that is out of sight.
  std::string told_;
  bool ends_ = false;
  /// Ends first: what it still opens belongs to nobody.
  std::unique_ptr<Openings> openings_;
};

}  // namespace sublet::broker
