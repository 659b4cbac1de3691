#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <set>
#include <string>
#include <tuple>
#include <vector>

#include "broker/core/interval_set.hpp"
#include "broker/core/step.hpp"
#include "broker/stores/store.hpp"
#include "common/wire/messages.hpp"
#include "tests/sim/disk.hpp"
#include "tests/sim/simulation.hpp"
#include "tests/sim/timing_checker.hpp"

namespace sublet::sim {

/// What has been promised about one job, and what was seen of it.
struct JobTruth {
  std::uint32_t script = 0;  ///< which job of the script it is
  /// Ids that some producer was told are accepted.
  std::set<std::uint64_t> acknowledged;
  /// Grants under which a chunk failed in a way that counts as an attempt, and those whose session ended on it, as far as a broker heard.
  std::map<std::uint64_t, std::set<Token>> charged;
  std::map<std::uint64_t, std::set<Token>> noted;
  /// Every entry of the output log, by cursor.
  std::map<std::uint64_t, broker::SharedOutput> log;
  /// Ids in the log, and of these the dead.
  std::set<std::uint64_t> logged;
  std::set<std::uint64_t> dead;
  /// The store lost commits that concern it: what its producer was shown may have been undone.
  bool shaken = false;
  /// As it was stored last: what has ended may be forgotten.
  bool ended = false;
};

/// Compares what is stored and sent with what was promised, after every event that may break a promise. Throws `Violation`.
class Checker {
 public:
  explicit Checker(Simulation& simulation) : simulation_(simulation), timing_(simulation) {}

  // ---- the store's side ----
  void before(const Disk& disk, const broker::Commit& commit);
  void committed(const Disk& disk, const broker::Commit& commit);
  void loaded(const Disk& disk);
  void lost_commits(const Disk& disk);
  void replaced(const Disk& disk);

  // ---- the broker's side ----
  /// A message of a worker or producer is about to be decided on.
  /// @param epoch  of the broker it reached
  void heard(std::uint64_t epoch, broker::PeerId peer, std::uint64_t request, const wire::Message& message);
  void decided(const broker::Step& step);
  /// This leaves the broker that owns the store now.
  void leaves(const Disk& disk, const broker::Send& send);
  /// Whether no agent uses that lease any more, by its own clock, or has that grant.
  void ask_agents(std::function<bool(LeaseId, GrantId)> let_go) { let_go_ = std::move(let_go); }

  // ---- the end ----
  /// The job has ended, and is no longer kept.
  [[nodiscard]] bool forgotten(const Disk& disk, JobId job) const;
  void finished(const Disk& disk);

 private:
  struct JobState;
  struct GrantSeen {
    JobId job;
    std::vector<std::uint64_t> chunks;
    Instant decided;
    bool settled = false;  ///< some broker has heard what became of it
  };

  [[noreturn]] static void violated(const std::string& what);
  void check_everything(const Disk& disk);
  void check_job(const Disk& disk, JobId job);
  void check_runs(const Disk& disk, JobState& state, const broker::RecordKey& key);
  void check_accepted(const Disk& disk, const JobState& state);
  void check_aggregate(const JobState& state);
  void check_grants(const Disk& disk);
  void note_log(const broker::RecordKey& key, const broker::SharedOutput& output, const Blob* payload);
  [[nodiscard]] bool counts_as_lost(const broker::GrantRecord& grant, const GrantSeen& seen) const;
  void acknowledge_replay(const Disk& disk, JobId job);
  void check_dead(JobTruth& truth, const JobSpec& spec, std::uint64_t id, ErrorCode code);

  Simulation& simulation_;
  TimingChecker timing_;
  std::function<bool(LeaseId, GrantId)> let_go_;
  /// A worker said HELLO since the last commit: what it does not name ends, though a HELLO may be older than the connection it ends.
  bool greeted_ = false;
  std::map<JobId, JobTruth> jobs_;
  std::map<JobId, JobSpec> specs_;
  std::map<Token, GrantSeen> grants_;
  /// A RENEW of a lease: when a broker heard it, and the grants that it named.
  struct Heard {
    Instant at;
    std::set<std::uint64_t> named;
  };
  std::map<LeaseId, std::vector<Heard>> renewed_;
  /// By epoch, peer and request.
  std::map<std::tuple<std::uint64_t, std::uint64_t, std::uint64_t>, wire::Submit> submits_;
};

}  // namespace sublet::sim
