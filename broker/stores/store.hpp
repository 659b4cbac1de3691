#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "broker/stores/record.hpp"
#include "common/error.hpp"
#include "common/job.hpp"

namespace sublet::broker {

struct StoreInfo {
  /// Another value than last time means: another store, its jobs are not those of before.
  std::uint64_t id = 0;
  /// Whether jobs outlive the broker.
  bool durable = false;
  std::string name;  ///< "memory:"; without a password
  Durability durability = Durability::none;
  /// It keeps payloads apart and gives each back when it is asked for (`want`), so that they need not stay in memory.
  bool pages = false;
};

/// A payload that was asked for. `payload_lost` when the store has it no more.
struct FetchedPayload {
  RecordKey key;
  Result<Blob> bytes;
};

/// The number of a commit: ascending from 1 under one owner, no gaps. A repeat of the last number answers as the first time.
struct Commit {
  std::uint64_t number = 0;
  std::vector<Write> writes;
  /// It makes room in the end, or must not be lost: taken even by a store that is full.
  bool draining = false;
};

/// How a commit ended. `not_owner`: another broker took the shard over, and nothing of the commit was taken; what is in memory is void.
/// `resource_exhausted`: the store is full and the commit was not a draining one. Every other error is final for this process. What may
/// pass, such as a store that is away, is never answered: the store repeats the commit until it is taken.
struct CommitResult {
  std::uint64_t number = 0;
  Result<void> outcome;
  /// With `resource_exhausted`: the commit, to be begun again under its number.
  std::optional<Commit> refused;
};

/// How a store is between commits.
struct StoreHealth {
  /// False: it is away, or its hold on the shard may have passed. Nothing may be decided until it is back.
  bool ready = true;
  /// It takes draining commits only.
  bool full = false;
  /// What it gives now, while its settings give less than `StoreInfo::durability`.
  std::optional<Durability> weakened;
  /// Why it is not ready; `not_owner` when it never will be again.
  Error reason = {.code = ErrorCode::ok};
};

/// Where the broker's truth is kept. A commit is taken whole or not at all, and a later `load` sees all of every commit that was answered
/// with success. Used by one thread. Destroying it gives up what it holds.
class Store {
 public:
  virtual ~Store() = default;

  [[nodiscard]] virtual StoreInfo info() const = 0;

  /// Every record; without the payloads of batches that have no runs, when the store `pages`. Called once, before the first commit.
  virtual Result<std::map<RecordKey, RecordValue>> load() = 0;

  /// Starts a commit; at most one is in flight. Its answer comes from `finished`.
  virtual void begin(Commit commit) = 0;

  /// The answer of the commit in flight, once there is one. Never blocks. To be called whenever `fd` is readable, also while no commit is
  /// in flight: a store may have a hold to renew.
  virtual std::optional<CommitResult> finished() = 0;

  /// Asks for payloads that it has, of a store that `pages`. Never blocks.
  virtual void want(std::vector<RecordKey> /*payloads*/) {}
  /// Those that have come, by the last `finished`, each once. One whose record was erased meanwhile may not come at all.
  virtual std::vector<FetchedPayload> fetched() { return {}; }

  /// Becomes readable when `finished` has something to do; -1 for a store that answers at once.
  [[nodiscard]] virtual int fd() const = 0;

  /// As of the last `finished`.
  [[nodiscard]] virtual const StoreHealth& health() const = 0;

  /// Reads one record as of the last finished commit.
  virtual Result<RecordValue> fetch(const RecordKey& key) = 0;
};

}  // namespace sublet::broker
