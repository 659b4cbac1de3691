#include "gpu-worker/devices/cpu/run/grid_runner.hpp"

#include <algorithm>
#include <cfenv>

namespace sublet::cpu {

namespace {

/// Instructions times threads after which the caller asks for help: some tens of microseconds, as long as it takes to wake a thread.
constexpr std::uint64_t kWorkAlone = 200'000;
/// Threads that have gone through a program before code for it has paid: making a step of it takes about 10 us,
/// and saves a fifth of a nanosecond a thread.
constexpr std::uint64_t kWorkPerStepWorthCode = 1U << 16U;
/// Programs and shapes of blocks for which one session has code.
constexpr std::size_t kMostKnown = 256;
/// Blocks are taken some at a time, so that the shared counter stays cheap, but few enough that the threads end together.
constexpr std::uint64_t kMostBlocksAtOnce = 16;
constexpr std::uint64_t kSharesPerThread = 8;

/// Kernels see the default floating point environment, whatever the caller's is.
class DefaultFloats {
 public:
  DefaultFloats() {
    std::fegetenv(&before_);
    std::fesetenv(FE_DFL_ENV);
  }
  ~DefaultFloats() { std::fesetenv(&before_); }
  DefaultFloats(const DefaultFloats&) = delete;
  DefaultFloats& operator=(const DefaultFloats&) = delete;

 private:
  std::fenv_t before_{};
};

}  // namespace

GridRunner::GridRunner(WorkerPool& pool, bool wide, NativeUse native)
    : pool_(pool), wide_(wide), native_(wide && can_run_native() ? native : NativeUse::never), runners_(pool.helpers() + 1) {}

std::uint64_t GridRunner::native_runs() const {
  std::uint64_t runs = 0;
  for (const auto& runner : runners_) {
    runs += runner ? runner->native_runs() : 0;
  }
  return runs;
}

const NativeProgram* GridRunner::native_for(const LaunchState& launch) {
  if (native_ == NativeUse::never) {
    return nullptr;
  }
  const BlockShape shape{.threads = launch.threads(),
                         .capacity = BlockRunner::capacity_for(launch.threads()),
                         .line = launch.block[1] == 1 && launch.block[2] == 1};
  const Key key{&launch.program, shape};
  // Most launches are like the one before.
  if (last_ == nullptr || last_->first != key) {
    const auto found = known_.find(key);
    if (found == known_.end() && known_.size() == kMostKnown) {
      return nullptr;
    }
    last_ = &*known_.try_emplace(key).first;
  }
  Known& known = last_->second;
  known.work += launch.blocks() * launch.threads() * launch.program.steps.size();
  const std::uint64_t wanted = native_ == NativeUse::always ? 0 : kWorkPerStepWorthCode * launch.program.steps.size();
  if (!known.native && known.work >= wanted) {
    known.native.emplace(generate(launch.program, shape, code_memory_));
  }
  return known.native ? &*known.native : nullptr;
}

BlockRunner& GridRunner::runner(unsigned worker) {
  if (!runners_[worker]) {
    runners_[worker] = std::make_unique<BlockRunner>(wide_);
  }
  return *runners_[worker];
}

void GridRunner::work(unsigned worker, const LaunchState& launch, LaunchProgress& progress) {
  const DefaultFloats floats;
  BlockRunner& own = runner(worker);
  const std::uint64_t wanted = std::clamp<std::uint64_t>(launch.blocks() / (kSharesPerThread * runners_.size()), 1, kMostBlocksAtOnce);
  bool begun = false;
  for (;;) {
    const LaunchProgress::Batch batch = progress.take(wanted);
    if (batch.count == 0) {
      return;
    }
    if (!begun) {
      own.begin(launch, progress);
      begun = true;
    }
    for (std::uint64_t i = 0; i < batch.count; ++i) {
      if (progress.stopped() || !own.run(batch.first + i)) {
        return;
      }
    }
  }
}

std::optional<Fault> GridRunner::run(LaunchState launch) {
  launch.native = native_for(launch);
  LaunchProgress progress(launch.blocks());
  if (launch.blocks() == 1 || pool_.helpers() == 0) {
    work(0, launch, progress);
    return progress.fault();
  }
  {
    const DefaultFloats floats;
    BlockRunner& own = runner(0);
    own.begin(launch, progress);
    while (own.work_done() < kWorkAlone) {
      const LaunchProgress::Batch batch = progress.take(1);
      if (batch.count == 0 || !own.run(batch.first)) {
        return progress.fault();
      }
    }
  }
  {
    const WorkerPool::Help help(pool_, [&](unsigned helper) { work(helper, launch, progress); });
    work(0, launch, progress);
  }
  return progress.fault();
}

}  // namespace sublet::cpu
