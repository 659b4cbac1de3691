#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <new>
#include <optional>
#include <vector>

#include "gpu-worker/devices/cpu/run/lane_set.hpp"
#include "gpu-worker/devices/cpu/run/launch_state.hpp"
#include "gpu-worker/devices/cpu/run/memory_access.hpp"
#include "gpu-worker/devices/cpu/run/program.hpp"

namespace sublet::cpu {

/// Runs blocks of threads, one after another, on one thread of the host. Keeps its registers from launch to launch, so a session has its
/// own and nothing of one is seen by another.
class BlockRunner {
 public:
  explicit BlockRunner(bool wide);

  /// Prepares for blocks of `launch`, which must outlive them.
  void begin(const LaunchState& launch, LaunchProgress& progress);
  /// False when the block did not end well; `progress` then knows why.
  bool run(std::uint64_t block);
  /// Instructions times threads executed since `begin`.
  [[nodiscard]] std::uint64_t work_done() const { return work_; }

 private:
  /// Threads that go the same way: at the beginning of block `at`, until they come to `join`.
  struct Path {
    std::uint32_t at = 0;
    std::uint32_t join = kNoBlock;
    LaneSet lanes;
  };

  [[nodiscard]] std::byte* lane0(Slot slot) const { return registers_.of(slot, 0); }
  [[nodiscard]] const std::uint8_t* predicate_at(std::uint32_t unit) const {
    return reinterpret_cast<const std::uint8_t*>(lane0({.unit = unit, .width = 1}));
  }
  void reserve(std::uint32_t threads);
  void fill(Slot slot, std::uint64_t bits);
  void fill_parameters();
  void fill_launch_special(const SpecialLoad& load);
  [[nodiscard]] std::uint32_t special_of_lane(SpecialRegister special, std::uint32_t lane) const;
  void fill_block_specials(std::uint64_t block);

  bool run_paths();
  bool is_trapped(const StepBlock& block);
  bool run_steps(const StepBlock& block, const LaneSet& lanes);
  bool run_step(const Step& step, const LaneSet& lanes);
  void run_lanes(const Step& step, const LaneSet& lanes);
  void apply(const Step& step, const LaneSet& lanes);
  void read_time(const Step& step, const LaneSet& lanes);
  bool access(const Step& step, const LaneSet& lanes);
  void finish_block(const StepBlock& block);
  void part(const StepBlock& block);
  void leave(const StepBlock& block);
  void push(std::uint32_t at, std::uint32_t join, const LaneSet& lanes);
  bool within_limits();
  [[nodiscard]] Path& top() { return paths_[depth_ - 1]; }

  std::array<LaneOp, 4> fills_ = {};
  std::array<LaneOp, 4> blends_ = {};
  const LaunchState* launch_ = nullptr;
  LaunchProgress* progress_ = nullptr;
  std::uint64_t block_ = 0;

  struct Freed {
    void operator()(std::byte* memory) const { ::operator delete[](memory, std::align_val_t{64}); }
  };
  std::unique_ptr<std::byte[], Freed> memory_;
  std::size_t memory_bytes_ = 0;
  RegisterFile registers_;
  std::byte* scratch_ = nullptr;

  // The last launch's shape: what is still right in the registers need not be written again.
  const Program* filled_program_ = nullptr;
  Extent filled_grid_ = {};
  Extent filled_block_ = {};

  LaneSet all_;
  LaneSet guarded_;
  LaneSet taken_;
  LaneSet others_;
  std::vector<Path> paths_;
  std::size_t depth_ = 0;
  std::vector<MemoryRange> last_hits_;
  std::uint64_t work_ = 0;
  std::uint64_t block_work_ = 0;
  std::uint64_t unchecked_work_ = 0;
};

}  // namespace sublet::cpu
