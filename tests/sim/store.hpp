#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <set>
#include <utility>
#include <vector>

#include "broker/stores/store.hpp"
#include "tests/sim/disk.hpp"

namespace sublet::sim {

/// One broker's connection to the store: answers late, loses replies and repeats what was not answered, or gives up with an error.
class SimStore final : public broker::Store {
 public:
  /// @param answered  called when `finished` has something; not after this store is gone
  SimStore(Simulation& simulation, Disk& disk, std::function<void()> answered);
  SimStore(const SimStore&) = delete;
  SimStore& operator=(const SimStore&) = delete;
  ~SimStore() override { state_->alive = false; }

  [[nodiscard]] broker::StoreInfo info() const override;
  Result<std::map<broker::RecordKey, broker::RecordValue>> load() override;
  void begin(broker::Commit commit) override;
  std::optional<broker::CommitResult> finished() override { return std::exchange(state_->answer, std::nullopt); }
  [[nodiscard]] int fd() const override { return -1; }
  [[nodiscard]] const broker::StoreHealth& health() const override;
  Result<broker::RecordValue> fetch(const broker::RecordKey& key) override;
  void want(std::vector<broker::RecordKey> payloads) override;
  std::vector<broker::FetchedPayload> fetched() override { return std::exchange(state_->fetched, {}); }

  [[nodiscard]] std::uint64_t epoch() const { return state_->epoch; }
  [[nodiscard]] bool owns() const { return state_->epoch == state_->disk.epoch(); }

 private:
  /// What outlives the process for as long as something of it is on its way.
  struct State {
    Simulation& simulation;
    Disk& disk;
    std::function<void()> answered;
    std::uint64_t epoch = 0;
    bool alive = true;
    broker::Commit commit;
    /// The commit that was answered last.
    std::uint64_t answered_number = 0;
    std::optional<broker::CommitResult> answer;
    broker::StoreHealth health;
    /// Asked for and not answered.
    std::set<broker::RecordKey> wanted;
    std::vector<broker::FetchedPayload> fetched;
  };
  using Shared = std::shared_ptr<State>;
  static void ask(const Shared& state, std::uint64_t number);
  static void arrive(const Shared& state, const broker::Commit& commit);
  static void safe(const Shared& state, std::uint64_t number);
  static void reply(const Shared& state, std::uint64_t number, Result<void> outcome);
  static void look_for(const Shared& state, const broker::RecordKey& payload);
  static Nanos delay(State& state);

  Shared state_;
};

}  // namespace sublet::sim
