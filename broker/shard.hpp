#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <vector>

#include "broker/core/broker.hpp"
#include "broker/core/options.hpp"
#include "broker/counters.hpp"
#include "broker/stores/store.hpp"
#include "common/error.hpp"
#include "common/io/log.hpp"
#include "common/random.hpp"
#include "common/shard.hpp"
#include "common/time.hpp"

namespace sublet::broker {

/// A shard that is this broker's: its store, and the rules with everything that it held.
struct OpenedShard {
  ShardNumber number = 0;
  std::unique_ptr<Store> store;
  std::unique_ptr<Random> random;
  Broker broker;
};

/// Takes up what the store holds. Blocks, in whatever thread it is called. Errors as `Store::load`.
Result<OpenedShard> open_shard(const BrokerOptions& rules, std::unique_ptr<Store> store);

/// A shard as it is served: what comes in waits while a commit is in flight, is then decided together, and what it promises may be
/// sent once the store has it. Shards share the loop and its sockets and nothing else, so that a slow store holds up its own shard only.
class Shard {
 public:
  /// @param counters  last longer
  Shard(OpenedShard opened, io::Log log, Counters& counters);

  [[nodiscard]] ShardNumber number() const { return opened_.number; }
  /// Of its store.
  [[nodiscard]] int fd() const { return opened_.store->fd(); }

  /// What has arrived and is not decided.
  std::vector<Input>& inputs() { return inputs_; }
  [[nodiscard]] std::size_t waiting() const { return inputs_.size(); }
  /// So much waits that SUBMITs are better refused until the store has caught up.
  [[nodiscard]] bool is_behind() const;

  /// Whether `decide` would have something to do, were the store ready.
  [[nodiscard]] bool has_work(Instant now) const;
  /// Takes the store's answer, if it is there, and adds what may be sent now to `sends`. `not_owner`: another broker serves the shard, and
  /// what is in memory is void. Any other error is final for the process.
  Result<void> finish_commit(std::vector<Send>& sends);
  /// Decides what has arrived and what is due, unless the store is away or has not answered, and adds what need not wait for the store to
  /// `sends`; then `finish_commit`.
  void decide(Instant now, std::vector<Send>& sends);
  /// When `decide` has to be called; nothing: not before the next input, or the store's next answer.
  [[nodiscard]] std::optional<Instant> next_deadline() const;

  /// It is given back: nothing is decided any more, and what arrives is dropped.
  void leave() { leaving_ = true; }
  [[nodiscard]] bool is_leaving() const { return leaving_; }
  /// Nothing of it is on its way to the store.
  [[nodiscard]] bool is_at_rest() const { return !in_flight_; }
  /// It is served no more: the store, to be closed.
  std::unique_ptr<Store> take_store() { return std::move(opened_.store); }

  [[nodiscard]] Statistics statistics(Instant now) const { return opened_.broker.statistics(now); }
  /// Why its store is not ready; nothing while it is.
  [[nodiscard]] std::optional<Error> store_trouble() const;
  /// Whether its store's settings give less than they gave when it was opened.
  [[nodiscard]] bool is_weakened() const { return weakened_.has_value(); }
  /// How long the commit in flight has been waiting; 0 without one.
  [[nodiscard]] Millis commit_age(Instant now) const;

 private:
  void commit(std::vector<Write> writes);
  Result<void> watch_store();
  void watch_durability();
  [[nodiscard]] bool decides() const { return store_ready_ && !in_flight_ && !leaving_; }

  OpenedShard opened_;
  io::Log log_;
  Counters& counters_;

  std::vector<Input> inputs_;
  /// Of the commit in flight, or of a step that wrote nothing.
  std::vector<Send> sends_;
  bool in_flight_ = false;
  bool leaving_ = false;
  /// As the store was when last asked.
  bool store_ready_ = true;
  bool store_full_ = false;
  std::optional<Durability> weakened_;
  Instant commit_began_;
  std::uint64_t last_commit_ = 0;
};

}  // namespace sublet::broker
