#pragma once

#include <cstddef>
#include <cstdint>
#include <set>
#include <tuple>
#include <unordered_map>
#include <utility>
#include <vector>

namespace sublet::broker {

struct Bucket;
struct Job;

/// Jobs whose next payload is in the store only, in the order in which they get room for it: by priority, then first come, first served.
/// A bucket that has neither a job to grant nor a payload on its way is idle: its first job needs no room, so that nothing waits for ever
/// for what others keep. Everything is O(log n) in jobs.
class FetchTurns {
 public:
  using Line = std::set<std::pair<std::uint64_t, Job*>>;

  /// Puts the job into, or takes it out of, the line of its bucket. One that stands there keeps its turn.
  void place(Job& job, bool waits);
  /// So many more (or fewer) payloads are on their way to the bucket's jobs.
  void count_coming(const Bucket& bucket, std::int64_t delta);
  /// The bucket may have become idle. To be told whenever it has a job less to grant.
  void look_at(const Bucket& bucket);

  [[nodiscard]] bool empty() const { return order_.empty(); }
  /// The job whose turn it is; nullptr when nobody waits.
  [[nodiscard]] Job* first() const;
  /// The first job of some idle bucket; nullptr when there is none.
  Job* first_of_idle();
  /// The jobs of one bucket that wait.
  [[nodiscard]] const Line& line(const Bucket& bucket) const;

 private:
  struct Waiting {
    Line line;
    std::uint64_t coming = 0;
  };
  void forget_if_unused(const Bucket& bucket);

  std::uint64_t turns_ = 0;
  std::set<std::tuple<std::uint8_t, std::uint64_t, Job*>> order_;
  std::unordered_map<const Bucket*, Waiting> buckets_;
  /// Buckets that may be idle. One that is gone stands here still, so they are looked up and never followed.
  std::vector<const Bucket*> looked_at_;
};

}  // namespace sublet::broker
