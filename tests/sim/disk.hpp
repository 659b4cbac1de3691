#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <optional>
#include <utility>
#include <vector>

#include "broker/stores/store.hpp"
#include "tests/sim/simulation.hpp"

namespace sublet::sim {

class Checker;

/// The server that keeps the records, as all brokers see it: takes a commit only from the present owner and only in its order, answers a
/// repeat as the first time, and forgets at a failover what was not safe.
class Disk {
 public:
  using Records = std::map<broker::RecordKey, broker::RecordValue>;

  Disk(Simulation& simulation, Checker& checker);

  [[nodiscard]] std::uint64_t id() const { return id_; }
  [[nodiscard]] const Records& records() const { return records_; }
  [[nodiscard]] std::uint64_t epoch() const { return epoch_; }
  [[nodiscard]] bool away() const { return simulation_.time.now() < away_until_; }
  /// Commits that were answered were lost since the present owner came.
  [[nodiscard]] bool lost_commits() const { return lost_commits_; }
  /// The same of any owner: readers may have seen what was undone.
  [[nodiscard]] bool ever_lost() const { return ever_lost_; }
  template <class T>
  [[nodiscard]] const T* find(const broker::RecordKey& key) const {
    const auto found = records_.find(key);
    return found == records_.end() ? nullptr : std::get_if<T>(&found->second);
  }

  /// Another owner comes: it gets everything, and the one before can commit no more.
  std::uint64_t own();
  Result<void> take(std::uint64_t epoch, const broker::Commit& commit);
  [[nodiscard]] bool has_taken(std::uint64_t epoch, std::uint64_t number) const { return epoch == epoch_ && number <= last_number_; }
  /// Everything taken up to now is safe.
  void sync() { unsafe_.clear(); }
  /// What is not safe may be gone.
  void fail_over();
  void go_away(Nanos duration);
  /// Takes draining commits only, for a while.
  void fill(Nanos duration);
  [[nodiscard]] bool full() const { return simulation_.time.now() < full_until_; }
  void come_back() { away_until_ = full_until_ = simulation_.time.now(); }
  /// A new and empty store: what a broker that keeps it in its own process begins with.
  void replace();

 private:
  struct Undo {
    std::uint64_t number = 0;
    std::vector<std::pair<broker::RecordKey, std::optional<broker::RecordValue>>> before;
  };
  void write(const broker::RecordKey& key, const broker::RecordValue& value);

  Simulation& simulation_;
  Checker& checker_;
  std::uint64_t id_ = 0;
  Records records_;
  std::uint64_t epoch_ = 0;
  std::uint64_t last_number_ = 0;
  std::deque<Undo> unsafe_;
  bool lost_commits_ = false;
  bool ever_lost_ = false;
  Instant away_until_;
  Instant full_until_;
};

}  // namespace sublet::sim
