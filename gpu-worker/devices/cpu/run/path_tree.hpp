#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <vector>

#include "gpu-worker/devices/cpu/run/lane_set.hpp"
#include "gpu-worker/devices/cpu/run/program.hpp"

namespace sublet::cpu {

using PathIndex = std::uint32_t;
inline constexpr PathIndex kNoPath = ~0U;

/// Threads of a block that go the same way.
struct Path {
  enum class State : std::uint8_t {
    ready,     ///< may run
    forked,    ///< waits at `at` until all paths that began here have come there or ended
    exchange,  ///< waits for threads of its warps
    barrier,   ///< waits for threads of the block
  };

  State state = State::ready;
  std::uint32_t at = 0;
  std::uint32_t join = kNoBlock;  ///< where its threads come back to the parent
  PathIndex parent = kNoPath;
  PathIndex call = kNoPath;  ///< the nearest path above that waits for a function to return
  std::uint32_t children = 0;
  std::uint32_t depth = 0;  ///< calls above
  std::uint32_t frame = 0;  ///< where the frame of what it runs begins in local memory
  LaneSet lanes;            ///< of a forked path also those that are still on their way
  /// Registers of a function that may be called again before the call that this path waits for returns: those of `kept_lanes` lanes from
  /// `kept_first` on, one after another.
  std::vector<std::byte> kept;
  const ProgramFunction* caller = nullptr;  ///< whose they are
  std::uint32_t kept_first = 0;
  std::uint32_t kept_lanes = 0;
};

/// The paths of one block of threads: a tree, whose leaves run or wait for others. The path that became ready last runs first, so threads
/// that part meet again soon. Keeps its memory from block to block.
class PathTree {
 public:
  /// One path of `lanes` at block 0.
  void start(const LaneSet& lanes);

  [[nodiscard]] bool has_ready() const { return !ready_.empty(); }
  [[nodiscard]] PathIndex current() const { return ready_.back(); }
  [[nodiscard]] Path& operator[](PathIndex index) { return paths_[index]; }
  /// How many paths there are, forked ones included.
  [[nodiscard]] std::uint32_t count() const { return static_cast<std::uint32_t>(paths_.size() - free_.size()); }

  /// A path beside `sibling`, that comes back to the same parent; ready.
  PathIndex split_off(PathIndex sibling, const LaneSet& lanes);
  /// Lets `index` wait at block `at`, and begins a path below it; ready.
  PathIndex fork(PathIndex index, std::uint32_t at, const LaneSet& lanes);
  /// The current path waits for other threads.
  void suspend(Path::State state);
  void resume(PathIndex index);
  /// The threads of a leaf have come to its join, or ended. Its parent is ready when it was the last.
  void finish(PathIndex index);
  /// Takes `gone` out of `index` and all above it up to and without `end`.
  void remove(PathIndex index, PathIndex end, const LaneSet& gone);
  /// Lets the other ready paths run first.
  void rotate();
  /// Threads that have come to where they wait for others on their way go on without them. @return whether there were any
  bool release_early();
  /// Paths in a state, in no particular order.
  void collect(Path::State state, std::vector<PathIndex>& into) const;

 private:
  struct Start {
    std::uint32_t at;
    std::uint32_t join;
    PathIndex parent;
    PathIndex call;
    std::uint32_t depth;
    std::uint32_t frame;
  };
  PathIndex begin(const Start& start, const LaneSet& lanes);
  PathIndex take();

  std::deque<Path> paths_;
  std::vector<PathIndex> free_;
  std::vector<bool> live_;
  std::vector<PathIndex> ready_;
  LaneSet arrived_;
};

}  // namespace sublet::cpu
