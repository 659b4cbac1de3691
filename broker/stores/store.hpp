#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "broker/stores/record.hpp"
#include "common/error.hpp"

namespace sublet::broker {

struct StoreInfo {
  /// Another value than last time means: another store, its jobs are not those of before.
  std::uint64_t id = 0;
  bool durable = false;
  std::string name;  ///< "memory:"
};

/// The number of a commit: ascending from 1 under one owner, no gaps. A repeat of the last number answers as the first time.
struct Commit {
  std::uint64_t number = 0;
  std::vector<Write> writes;
};

struct CommitResult {
  std::uint64_t number = 0;
  Result<void> outcome;
};

/// Where the broker's truth is kept. A commit is taken whole or not at all, and a later `load` sees all of every commit that was answered
/// with success. Used by one thread.
class Store {
 public:
  virtual ~Store() = default;

  [[nodiscard]] virtual StoreInfo info() const = 0;

  /// Every record. Called once, before the first commit.
  virtual Result<std::map<RecordKey, RecordValue>> load() = 0;

  /// Starts a commit; at most one is in flight. Its answer comes from `finished`.
  virtual void begin(Commit commit) = 0;

  /// The answer of the commit in flight, once there is one. Never blocks.
  virtual std::optional<CommitResult> finished() = 0;

  /// Becomes readable when `finished` may have an answer; -1 for a store that answers at once.
  [[nodiscard]] virtual int fd() const = 0;

  /// Reads one record as of the last finished commit.
  virtual Result<RecordValue> fetch(const RecordKey& key) = 0;
};

}  // namespace sublet::broker
