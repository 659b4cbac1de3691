#pragma once

#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "broker/shard.hpp"
#include "broker/stores/store.hpp"
#include "common/error.hpp"
#include "common/shard.hpp"
#include "common/time.hpp"

namespace sublet::broker {

/// What has to change about the shards that are served.
struct ClaimChanges {
  /// Served from now on.
  std::vector<OpenedShard> taken;
  /// To be given back when their commit in flight is through: `Claims::close`.
  std::vector<ShardNumber> give_back;
};

/// Which shards of the cluster this process serves. Used by the loop's thread, and never blocks it but in `close_all`.
class Claims {
 public:
  virtual ~Claims() = default;

  [[nodiscard]] virtual Layout layout() const = 0;
  /// Of all stores together, without passwords.
  [[nodiscard]] virtual std::string store_name() const = 0;

  /// Peers reach this broker there; only now shards are claimed.
  virtual void begin(const std::string& control_endpoint) = 0;
  /// Readable when `changes` has something to tell.
  [[nodiscard]] virtual std::vector<int> fds() const = 0;
  /// An error when a shard cannot be opened at the start: a wrong setting, most likely.
  virtual Result<ClaimChanges> changes(Instant now) = 0;
  /// Whether everything that was there for this broker at the start is served.
  [[nodiscard]] virtual bool has_settled() const = 0;
  /// Why nothing can be claimed at the moment; `retry_after_ms` where it may pass by itself.
  [[nodiscard]] virtual std::optional<Error> trouble(Instant now) const = 0;

  /// Control endpoint of the broker that serves a shard; empty when none is known.
  [[nodiscard]] virtual std::string owner_of(ShardNumber shard) const = 0;

  /// The shard is served no more; a store that still holds it gives it back. `lost`: another broker has it.
  virtual void close(ShardNumber shard, std::unique_ptr<Store> store) = 0;
  /// This broker ends: nothing is claimed any more. Whether others may go on with what it gives back.
  virtual bool end() = 0;
};

/// Stores of this process alone: served from beginning to end.
class FixedClaims final : public Claims {
 public:
  /// Takes up what the stores hold: one for each shard, in their order. Errors as `Store::load`.
  /// @param rules  of every shard; which one it is and how many there are is filled in
  static Result<std::unique_ptr<FixedClaims>> open(const BrokerOptions& rules, std::vector<std::unique_ptr<Store>> stores);

  [[nodiscard]] Layout layout() const override { return layout_; }
  [[nodiscard]] std::string store_name() const override { return store_name_; }
  void begin(const std::string& /*control_endpoint*/) override {}
  [[nodiscard]] std::vector<int> fds() const override { return {}; }
  Result<ClaimChanges> changes(Instant now) override;
  [[nodiscard]] bool has_settled() const override { return shards_.empty(); }
  [[nodiscard]] std::optional<Error> trouble(Instant /*now*/) const override { return std::nullopt; }
  [[nodiscard]] std::string owner_of(ShardNumber /*shard*/) const override { return {}; }
  void close(ShardNumber /*shard*/, std::unique_ptr<Store> /*store*/) override {}
  bool end() override { return false; }

 private:
  FixedClaims(Layout layout, std::string store_name, std::vector<OpenedShard> shards)
      : layout_(layout), store_name_(std::move(store_name)), shards_(std::move(shards)) {}

  Layout layout_;
  std::string store_name_;
  std::vector<OpenedShard> shards_;  ///< until they are served
};

}  // namespace sublet::broker
