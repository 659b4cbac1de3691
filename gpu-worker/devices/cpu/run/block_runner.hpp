#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <new>
#include <optional>
#include <string>
#include <vector>

#include "gpu-worker/devices/cpu/native/native_code.hpp"
#include "gpu-worker/devices/cpu/run/lane_set.hpp"
#include "gpu-worker/devices/cpu/run/launch_state.hpp"
#include "gpu-worker/devices/cpu/run/memory_access.hpp"
#include "gpu-worker/devices/cpu/run/path_tree.hpp"
#include "gpu-worker/devices/cpu/run/program.hpp"
#include "gpu-worker/devices/cpu/run/warp_exchange.hpp"

namespace sublet::cpu {

/// Runs blocks of threads, one after another, on one thread of the host. Keeps its registers from launch to launch, so a session has its
/// own and nothing of one is seen by another.
class BlockRunner {
 public:
  explicit BlockRunner(bool wide);

  /// Prepares for blocks of `launch`, which must outlive them, and whose program must outlive this runner.
  void begin(const LaunchState& launch, LaunchProgress& progress);
  /// False when the block did not end well; `progress` then knows why.
  bool run(std::uint64_t block);
  /// Instructions times threads executed since `begin`.
  [[nodiscard]] std::uint64_t work_done() const { return work_; }
  /// How often native code did steps, in all launches.
  [[nodiscard]] std::uint64_t native_runs() const { return native_runs_; }
  /// Lanes that the registers of a block of `threads` have room for.
  static std::uint32_t capacity_for(std::uint32_t threads);

 private:
  /// Memory whose values begin where the widest vector instruction likes it.
  class Memory {
   public:
    /// At least `bytes` of it; what stood there is lost when it grows.
    std::byte* reserve(std::size_t bytes);

   private:
    struct Freed {
      void operator()(std::byte* memory) const { ::operator delete[](memory, std::align_val_t{64}); }
    };
    std::unique_ptr<std::byte[], Freed> memory_;
    std::size_t bytes_ = 0;
  };
  /// One of the sixteen barriers of a block.
  struct BarrierState {
    std::uint32_t arrived = 0;
    std::uint32_t wanted = 0;  ///< all threads of the block that have not ended, when 0
    std::uint32_t set = 0;     ///< of bar.red: how many predicates were
    std::uint32_t asked = 0;   ///< of bar.red: how many there were
    std::vector<PathIndex> waiting;
  };

  // Registers and memory: block_runner.cpp.
  [[nodiscard]] std::byte* lane0(Slot slot) const { return registers_.of(slot, 0); }
  [[nodiscard]] const std::uint8_t* predicate_at(std::uint32_t unit) const {
    return reinterpret_cast<const std::uint8_t*>(lane0({.unit = unit, .width = 1}));
  }
  [[nodiscard]] std::uint32_t word_of(Slot slot, std::uint32_t lane) const {
    return *reinterpret_cast<const std::uint32_t*>(registers_.of(slot, lane));
  }
  void reserve(std::uint32_t threads);
  void fill(Slot slot, std::uint64_t bits);
  void fill_parameters();
  void fill_launch_special(const SpecialLoad& load);
  void begin_block(std::uint64_t block);

  // Steps: block_steps.cpp.
  bool run_steps(Path& path);
  bool run_native(const NativeRun& run, std::uint32_t lanes);
  void count_work(std::uint64_t work);
  bool run_step(const Step& step, const LaneSet& lanes);
  void run_lanes(const Step& step, const LaneSet& lanes);
  void apply(const Step& step, const LaneSet& lanes);
  void read_time(const Step& step, const LaneSet& lanes);
  void read_active_mask(const Step& step, const LaneSet& lanes);
  bool access(const Step& step, const LaneSet& lanes);
  void print(const Step& step, const LaneSet& lanes);
  bool assertion_failed(const Step& step, const LaneSet& lanes);
  std::string text_at(std::uint64_t address, std::uint32_t lane);
  bool within_limits();
  bool fail(Fault fault);

  // Between blocks of steps: block_flow.cpp.
  bool run_paths();
  bool finish_block(const StepBlock& block);
  bool is_trapped(const StepBlock& block);
  void part(const StepBlock& block);
  const LaneSet& leaving(const StepBlock& block);
  void leave(const StepBlock& block);
  void give_back(const StepBlock& block);
  bool call(const StepBlock& block);
  bool keep_registers(PathIndex waiting, const Call& site);
  const ProgramFunction* callee_of(const Call& site, const StepBlock& block);
  void restore_registers(const Path& waiting, const LaneSet& lanes);
  void let_others_run();
  bool report_deadlock();

  // With other threads: block_sync.cpp.
  void exchange(const StepBlock& block);
  bool group_warps(const Exchange& exchange, const LaneSet& lanes);
  void settle_exchanges();
  void barrier(const StepBlock& block);
  void arrive(const Barrier& barrier, BarrierState& state, std::uint32_t next);
  void settle_barrier(BarrierState& state);
  void threads_ended();

  std::array<LaneOp, 4> fills_ = {};
  std::array<LaneOp, 4> blends_ = {};
  const LaunchState* launch_ = nullptr;
  LaunchProgress* progress_ = nullptr;
  std::uint64_t block_ = 0;

  Memory register_memory_;
  Memory local_memory_;
  Memory shared_memory_;
  RegisterFile registers_;
  std::byte* scratch_ = nullptr;
  BlockMemory memory_;
  std::uint32_t local_used_ = 0;  ///< bytes of each thread that may be other than zero

  // The last launch's shape: what is still right in the registers need not be written again.
  const Program* filled_program_ = nullptr;
  Extent filled_grid_ = {};
  Extent filled_block_ = {};

  LaneSet all_;
  LaneSet live_;  ///< threads that have not ended
  LaneSet guarded_;
  LaneSet taken_;
  LaneSet others_;
  PathTree paths_;
  std::uint32_t spins_ = 0;

  std::array<BarrierState, 16> barriers_;
  std::uint32_t at_barriers_ = 0;   ///< paths that wait at one
  std::uint32_t at_exchanges_ = 0;  ///< paths that wait for their warp
  ExchangeTable table_;
  std::vector<std::uint32_t> warp_masks_;
  std::vector<std::uint32_t> live_masks_;
  std::vector<std::uint8_t> complete_;
  std::vector<PathIndex> waiting_;

  std::vector<MemoryRange> last_hits_;
  std::vector<MemoryRange> last_atomic_hits_;
  MemoryRange last_text_hit_;
  /// How often in a row each run of native code gave up.
  std::vector<std::uint8_t> given_up_;
  std::uint64_t native_runs_ = 0;
  std::uint64_t work_ = 0;
  std::uint64_t block_work_ = 0;
  std::uint64_t unchecked_work_ = 0;
};

}  // namespace sublet::cpu
