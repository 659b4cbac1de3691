#pragma once

#include <algorithm>
#include <array>
#include <compare>
#include <cstdint>
#include <map>
#include <memory>
#include <set>
#include <utility>
#include <vector>

#include "broker/core/job.hpp"
#include "broker/core/lease.hpp"
#include "broker/core/queue.hpp"
#include "broker/core/tenant.hpp"
#include "common/bytes.hpp"
#include "common/ids.hpp"
#include "common/time.hpp"

namespace sublet::broker {

struct SizeClass;

inline constexpr std::size_t kPriorities = 10;

/// The jobs of one queue, priority and chunk size that have something to grant, in the order of their turns.
struct Bucket {
  Queue* queue = nullptr;
  SizeClass* size = nullptr;
  std::uint8_t priority = 0;
  std::uint64_t ready = 0;  ///< chunks, of all its jobs
  std::uint64_t turn = 0;   ///< in its level; 0 while it does not stand there
  std::set<std::pair<std::uint64_t, Job*>> jobs;
};

struct Pool;

/// What jobs ask of a lease, besides its pipeline. A lease serves the jobs of its kind whose chunks are not larger.
struct SizeKey {
  std::uint32_t tenant = 0;
  Isolation isolation = Isolation::tenant;
  Token host;  ///< the only one where the lease may be: of jobs by reference; else zero
  std::uint64_t max_chunk_bytes = 0;

  constexpr auto operator<=>(const SizeKey&) const = default;
  /// The least of its kind.
  [[nodiscard]] SizeKey smallest() const { return {.tenant = tenant, .isolation = isolation, .host = host}; }
};

/// Everything of one pipeline, tenant and kind with the same largest chunk: jobs that need leases of (at least) that size, and leases of
/// exactly that size.
struct SizeClass {
  Pool* pool = nullptr;
  Tenant* tenant = nullptr;
  SizeKey key;
  LeaseNeed need;
  bool is_sized = false;  ///< by a job; only leases that outlived their broker stand for one that is not
  double used = 0;        ///< microseconds in which its sessions ran chunks
  std::map<std::pair<const Queue*, std::uint8_t>, std::unique_ptr<Bucket>> buckets;
  std::array<std::set<std::pair<std::uint64_t, Bucket*>>, kPriorities> levels;
  std::uint64_t ready = 0;     ///< chunks in the buckets that stand in the levels
  std::map<JobId, Job*> jobs;  ///< live ones
  std::map<LeaseId, Lease*> leases;
  std::uint32_t busy = 0;  ///< leases with a grant
  /// Leases that take more work, the emptiest first, then by turn.
  std::set<std::tuple<std::size_t, std::uint64_t, Lease*>> hungry;

  void add_ready(std::uint64_t delta) {
    if (ready == 0 && leases.empty()) used = std::max(used, tenant->sizes_clock);
    if (tenant->ready == 0 && tenant->leases == 0) tenant->used = std::max(tenant->used, *tenant->clock);
    ready += delta;
    tenant->ready += delta;
  }
};

/// One pipeline: its jobs, its leases, its bundle.
struct Pool {
  std::uint64_t number = 0;
  ContentHash pipeline;
  Blob bundle;
  std::map<SizeKey, SizeClass> sizes;
  std::uint64_t live_jobs = 0;
  std::uint64_t leases = 0;
  std::uint64_t dead_jobs = 0;  ///< jobs of it with dead chunks, which may be run again
  /// What one chunk takes, over all its jobs; 0 while unknown.
  double micros_per_chunk = 0;
  /// After sessions that did not come up: the delay, and when the next may be asked for.
  Millis backoff{0};
  Instant next_lease;
  Instant unused_since;
  /// It wants a session and found no place.
  bool starved = false;

  /// Has the pool looked at when the step ends.
  void touch() {
    if (std::exchange(touched, true)) return;
    touched_pools->push_back(this);
  }
  bool touched = false;
  std::vector<Pool*>* touched_pools = nullptr;

  struct Sum {
    std::uint64_t ready = 0;
    std::uint64_t sessions = 0;
    std::uint64_t idle = 0;  ///< sessions without a grant
  };
  /// Over the sizes from `first` on, of its kind.
  [[nodiscard]] Sum sum(const SizeKey& first) const {
    Sum sum;
    for (auto size = sizes.lower_bound(first); size != sizes.end() && size->first.smallest() == first.smallest(); ++size) {
      sum.ready += size->second.ready;
      sum.sessions += size->second.leases.size();
      sum.idle += size->second.leases.size() - size->second.busy;
    }
    return sum;
  }
};

/// Which job's chunks go next: strict priority, then round robin between queues and between the jobs of one. Everything is O(log n) in jobs
/// and queues; only different largest chunk sizes of one pipeline are walked.
class ReadyIndex {
 public:
  /// Puts the job into, or takes it out of, its bucket as `grantable` says.
  void place(Job& job, bool grantable);
  /// Counts `delta` more (or fewer) ready chunks of the job.
  void count(Job& job, std::int64_t delta);
  /// Puts the queue's buckets into, or takes them out of, their levels.
  void open(Queue& queue, bool open);

  /// The job to serve next by a lease of that size; nullptr when there is none.
  static Job* pick(Pool& pool, const SizeKey& lease);
  /// The job was served: the others have their turn first.
  void served(Job& job);

 private:
  void stand(Bucket& bucket, bool wanted);

  std::uint64_t turns_ = 0;
};

}  // namespace sublet::broker
