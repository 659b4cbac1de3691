#pragma once

#include <memory>
#include <optional>
#include <vector>

#include "gpu-worker/devices/cpu/run/block_runner.hpp"
#include "gpu-worker/devices/cpu/run/launch_state.hpp"
#include "gpu-worker/devices/cpu/worker_pool.hpp"

namespace sublet::cpu {

/// Runs launches for one session: on the calling thread, and with the pool's help when there is enough to do.
class GridRunner {
 public:
  GridRunner(WorkerPool& pool, bool wide);

  /// Nothing when every block ended well. What a launch leaves in the registers serves the next one of the same program, which is known by
  /// its address: a program has to outlive the runner.
  std::optional<Fault> run(const LaunchState& launch);

 private:
  void work(unsigned worker, const LaunchState& launch, LaunchProgress& progress);
  BlockRunner& runner(unsigned worker);

  WorkerPool& pool_;
  bool wide_;
  /// One for each thread of the pool; each is made, and used, by its thread alone.
  std::vector<std::unique_ptr<BlockRunner>> runners_;
};

}  // namespace sublet::cpu
