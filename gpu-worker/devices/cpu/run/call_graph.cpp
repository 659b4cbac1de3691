#include "gpu-worker/devices/cpu/run/call_graph.hpp"

#include <algorithm>

#include "gpu-worker/devices/cpu/run/lowering.hpp"

namespace sublet::cpu {

namespace {

class Builder {
 public:
  explicit Builder(const Module& module) : module_(module), place_(module.functions.size(), kNoFunction) {}

  CallGraph build(const Kernel& kernel) {
    visit(kernel);
    for (std::size_t i = 0; i < made_.functions.size(); ++i) {
      visit(module_.functions[made_.functions[i]]);
    }
    order();
    std::uint64_t deepest = 0;
    for (const std::uint32_t callee : callees_of(kernel)) {
      deepest = std::max(deepest, depth_[callee]);
    }
    made_.frame_bytes = frame_size(kernel) + deepest;
    return std::move(made_);
  }

 private:
  void visit(const Kernel& caller) {
    for (const CallOperands& call : caller.calls) {
      if (!call.indirect) {
        add(call.callee);
      } else if (!all_added_) {
        all_added_ = true;
        for (std::uint32_t i = 0; i < module_.functions.size(); ++i) {
          if (module_.functions[i].address_taken) {
            add(i);
            targets_.push_back(i);
          }
        }
      }
    }
  }

  void add(std::uint32_t function) {
    if (module_.functions[function].defined && place_[function] == kNoFunction) {
      place_[function] = static_cast<std::uint32_t>(made_.functions.size());
      made_.functions.push_back(function);
    }
  }

  /// Places in `made_.functions`, each once.
  [[nodiscard]] std::vector<std::uint32_t> callees_of(const Kernel& caller) const {
    std::vector<std::uint32_t> found;
    bool indirect = false;
    for (const CallOperands& call : caller.calls) {
      indirect = indirect || call.indirect;
      if (!call.indirect && place_[call.callee] != kNoFunction) {
        found.push_back(place_[call.callee]);
      }
    }
    for (std::size_t i = 0; indirect && i < targets_.size(); ++i) {
      if (place_[targets_[i]] != kNoFunction) {
        found.push_back(place_[targets_[i]]);
      }
    }
    std::ranges::sort(found);
    found.erase(std::ranges::unique(found).begin(), found.end());
    return found;
  }

  /// From those that call nobody upwards; who is never reached that way calls itself, or calls one that does.
  void order() {
    const std::size_t count = made_.functions.size();
    std::vector<std::vector<std::uint32_t>> callers(count);
    std::vector<std::size_t> open(count);
    std::vector<std::uint32_t> done;
    depth_.resize(count);
    for (std::uint32_t i = 0; i < count; ++i) {
      const Kernel& function = module_.functions[made_.functions[i]];
      depth_[i] = frame_size(function);
      const std::vector<std::uint32_t> callees = callees_of(function);
      open[i] = callees.size();
      for (const std::uint32_t callee : callees) {
        callers[callee].push_back(i);
      }
      if (callees.empty()) {
        done.push_back(i);
      }
    }
    made_.repeats.assign(count, true);
    for (std::size_t at = 0; at < done.size(); ++at) {
      const std::uint32_t function = done[at];
      made_.repeats[function] = false;
      for (const std::uint32_t caller : callers[function]) {
        depth_[caller] = std::max(depth_[caller], frame_size(module_.functions[made_.functions[caller]]) + depth_[function]);
        if (--open[caller] == 0) {
          done.push_back(caller);
        }
      }
    }
    made_.any_repeats = done.size() != count;
  }

  const Module& module_;
  std::vector<std::uint32_t> place_;
  std::vector<std::uint32_t> targets_;
  bool all_added_ = false;
  std::vector<std::uint64_t> depth_;
  CallGraph made_;
};

}  // namespace

CallGraph call_graph_of(const Module& module, const Kernel& kernel) { return Builder(module).build(kernel); }

}  // namespace sublet::cpu
