#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "common/time.hpp"
#include "gpu-worker/devices/cpu/memory_table.hpp"
#include "gpu-worker/devices/cpu/run/program.hpp"

namespace sublet::cpu {

using Extent = std::array<std::uint32_t, 3>;

/// What went wrong in one thread of a launch, or that time ran out.
struct Fault {
  enum class Kind : std::uint8_t { out_of_bounds, misaligned, trap, assertion, deadlock, stack, bad_call, timeout };

  Kind kind = Kind::timeout;
  std::uint64_t block = 0;
  std::uint32_t thread = 0;
  std::uint32_t line = 0;
  bool store = false;
  std::uint32_t bytes = 0;
  std::uint64_t address = 0;
  std::string text = {};  ///< of an assertion: what did not hold, and where
};

/// Takes what kernels print; called by several threads.
class PrintSink {
 public:
  virtual ~PrintSink() = default;
  virtual void print(std::uint64_t block, std::uint32_t thread, std::string_view text) = 0;
};

/// How long kernels may go on.
struct RunLimits {
  Instant deadline = Instant::max();
  /// Instructions times threads that one block may execute; for callers that cannot wait for a clock.
  std::uint64_t fuel = ~std::uint64_t{0};
};

class NativeProgram;

/// One launch as all threads that run its blocks see it.
struct LaunchState {
  const Program& program;
  Extent grid = {1, 1, 1};
  Extent block = {1, 1, 1};
  std::uint32_t shared_bytes = 0;
  /// The arguments at the kernel's own offsets.
  const std::byte* parameters = nullptr;
  const MemoryTable& memory;
  RunLimits limits;
  /// Null when nobody listens.
  PrintSink* prints = nullptr;
  /// Of `program`, for blocks of this shape; null where the interpreter does everything.
  const NativeProgram* native = nullptr;

  [[nodiscard]] std::uint32_t threads() const { return block[0] * block[1] * block[2]; }
  [[nodiscard]] std::uint32_t warps() const { return (threads() + 31) / 32; }
  [[nodiscard]] std::uint64_t blocks() const { return std::uint64_t{grid[0]} * grid[1] * grid[2]; }
};

/// What the threads that share a launch tell each other.
class LaunchProgress {
 public:
  explicit LaunchProgress(std::uint64_t blocks) : blocks_(blocks) {}

  /// The next `wanted` blocks or what is left of them: the first and how many, 0 at the end.
  struct Batch {
    std::uint64_t first = 0;
    std::uint64_t count = 0;
  };
  Batch take(std::uint64_t wanted);

  /// Keeps the fault of the lowest block, and ends the launch.
  void fail(const Fault& fault);
  [[nodiscard]] bool stopped() const { return stopped_.load(std::memory_order_relaxed); }
  [[nodiscard]] std::optional<Fault> fault() const;

 private:
  std::uint64_t blocks_;
  std::atomic<std::uint64_t> next_ = 0;
  std::atomic<bool> stopped_ = false;
  mutable std::mutex mutex_;
  std::optional<Fault> fault_;
};

/// "(3,0,0)": the place of `index` in `extent`.
std::string place_in(const Extent& extent, std::uint64_t index);

}  // namespace sublet::cpu
