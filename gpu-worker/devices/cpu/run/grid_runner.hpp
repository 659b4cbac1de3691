#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <utility>
#include <vector>

#include "gpu-worker/devices/cpu/native/native_code.hpp"
#include "gpu-worker/devices/cpu/native/native_use.hpp"
#include "gpu-worker/devices/cpu/run/block_runner.hpp"
#include "gpu-worker/devices/cpu/run/launch_state.hpp"
#include "gpu-worker/devices/cpu/worker_pool.hpp"

namespace sublet::cpu {

/// Runs launches for one session: on the calling thread, and with the pool's help when there is enough to do.
class GridRunner {
 public:
  /// @param wide  whether to use the functions over lanes for AVX2 and FMA; native code is for the machines that have them
  GridRunner(WorkerPool& pool, bool wide, NativeUse native = NativeUse::never);

  /// Nothing when every block ended well. What a launch leaves in the registers serves the next one of the same program, which is known by
  /// its address: a program has to outlive the runner.
  std::optional<Fault> run(LaunchState launch);
  /// How often native code did what the interpreter would have done.
  [[nodiscard]] std::uint64_t native_runs() const;

 private:
  /// What is known of a program and a shape of blocks.
  struct Known {
    std::uint64_t work = 0;  ///< instructions times threads that were asked for
    std::optional<NativeProgram> native;
  };
  using Key = std::pair<const Program*, BlockShape>;

  const NativeProgram* native_for(const LaunchState& launch);
  void work(unsigned worker, const LaunchState& launch, LaunchProgress& progress);
  BlockRunner& runner(unsigned worker);

  WorkerPool& pool_;
  bool wide_;
  NativeUse native_;
  CodeMemory code_memory_;
  std::map<Key, Known> known_;
  std::pair<const Key, Known>* last_ = nullptr;  ///< in `known_`
  /// One for each thread of the pool; each is made, and used, by its thread alone.
  std::vector<std::unique_ptr<BlockRunner>> runners_;
};

}  // namespace sublet::cpu
