#pragma once

#include <map>
#include <optional>

#include "broker/core/step.hpp"
#include "broker/stores/store.hpp"
#include "common/job.hpp"
#include "common/wire/messages.hpp"
#include "tests/sim/disk.hpp"
#include "tests/sim/simulation.hpp"

namespace sublet::sim {

/// Promises about when jobs run and end: delays, deadlines, TTLs, and jobs that run after others. Throws `Violation`.
class TimingChecker {
 public:
  explicit TimingChecker(Simulation& simulation) : simulation_(simulation) {}

  /// A broker decided this just now; what it decided by is its clock.
  void decided(const broker::Step& step);
  void committed(const Disk& disk, const broker::Commit& commit);
  void loaded(const Disk& disk);
  void replaced() { jobs_.clear(); }
  /// This leaves the broker that owns the store now.
  void leaves(const Disk& disk, const wire::Run& run) const;

 private:
  struct Seen {
    JobSpec spec;
    /// When it was opened, and by when its deadline has ended it, with all that clocks may differ.
    Instant opened;
    Instant ends_by;
    /// When its end was decided first.
    std::optional<Instant> ended;
    /// As it was stored last.
    JobState state = JobState::open;
  };

  [[nodiscard]] Instant now() const { return simulation_.time.now(); }
  void check_run(const wire::Run& run) const;
  void check_end(const Disk& disk, const Seen& job, const broker::ProgressRecord& progress) const;
  void check_forgotten(const Seen& job) const;
  [[nodiscard]] JobState state_of(const Disk& disk, JobId job) const;

  Simulation& simulation_;
  std::map<JobId, Seen> jobs_;
};

}  // namespace sublet::sim
