#include "gpu-worker/devices/cpu/run/path_tree.hpp"

#include <algorithm>

namespace sublet::cpu {

PathIndex PathTree::take() {
  if (free_.empty()) {
    paths_.emplace_back();
    live_.push_back(true);
    return static_cast<PathIndex>(paths_.size() - 1);
  }
  const PathIndex index = free_.back();
  free_.pop_back();
  live_[index] = true;
  return index;
}

void PathTree::start(const LaneSet& lanes) {
  ready_.clear();
  free_.clear();
  for (PathIndex i = static_cast<PathIndex>(paths_.size()); i-- > 0;) {
    free_.push_back(i);
    live_[i] = false;
  }
  begin({.at = 0, .join = kNoBlock, .parent = kNoPath, .call = kNoPath, .depth = 0, .frame = 0}, lanes);
}

PathIndex PathTree::begin(const Start& start, const LaneSet& lanes) {
  const PathIndex index = take();
  Path& path = paths_[index];
  path.state = Path::State::ready;
  path.at = start.at;
  path.join = start.join;
  path.parent = start.parent;
  path.call = start.call;
  path.depth = start.depth;
  path.frame = start.frame;
  path.children = 0;
  path.kept.clear();
  path.lanes = lanes;
  if (path.parent != kNoPath) {
    ++paths_[path.parent].children;
  }
  ready_.push_back(index);
  return index;
}

PathIndex PathTree::split_off(PathIndex sibling, const LaneSet& lanes) {
  const Path& from = paths_[sibling];
  return begin({.at = from.at, .join = from.join, .parent = from.parent, .call = from.call, .depth = from.depth, .frame = from.frame},
               lanes);
}

PathIndex PathTree::fork(PathIndex index, std::uint32_t at, const LaneSet& lanes) {
  Path& waiting = paths_[index];
  if (waiting.state == Path::State::ready) {
    std::erase(ready_, index);
    waiting.state = Path::State::forked;
    waiting.at = at;
  }
  return begin({.at = at, .join = at, .parent = index, .call = waiting.call, .depth = waiting.depth, .frame = waiting.frame}, lanes);
}

void PathTree::suspend(Path::State state) {
  paths_[ready_.back()].state = state;
  ready_.pop_back();
}

void PathTree::resume(PathIndex index) {
  paths_[index].state = Path::State::ready;
  ready_.push_back(index);
}

void PathTree::finish(PathIndex index) {
  for (;;) {
    const PathIndex parent = paths_[index].parent;
    if (paths_[index].state == Path::State::ready) {
      // Nearly always the last one.
      ready_.erase(std::find(ready_.rbegin(), ready_.rend(), index).base() - 1);
    }
    live_[index] = false;
    free_.push_back(index);
    if (parent == kNoPath || --paths_[parent].children != 0) {
      return;
    }
    if (!paths_[parent].lanes.empty()) {
      resume(parent);
      return;
    }
    index = parent;
  }
}

void PathTree::remove(PathIndex index, PathIndex end, const LaneSet& gone) {
  for (; index != end && index != kNoPath; index = paths_[index].parent) {
    paths_[index].lanes.remove(gone);
  }
}

void PathTree::rotate() { std::ranges::rotate(ready_, ready_.end() - 1); }

bool PathTree::release_early() {
  bool any = false;
  const auto count = static_cast<PathIndex>(paths_.size());
  for (PathIndex index = 0; index < count; ++index) {
    if (!live_[index] || paths_[index].state != Path::State::forked) {
      continue;
    }
    arrived_ = paths_[index].lanes;
    for (PathIndex child = 0; child < count && !arrived_.empty(); ++child) {
      if (live_[child] && paths_[child].parent == index) {
        arrived_.remove(paths_[child].lanes);
      }
    }
    if (arrived_.empty()) {
      continue;
    }
    paths_[index].lanes.remove(arrived_);
    split_off(index, arrived_);
    any = true;
  }
  return any;
}

void PathTree::collect(Path::State state, std::vector<PathIndex>& into) const {
  into.clear();
  for (PathIndex index = 0; index < paths_.size(); ++index) {
    if (live_[index] && paths_[index].state == state) {
      into.push_back(index);
    }
  }
}

}  // namespace sublet::cpu
