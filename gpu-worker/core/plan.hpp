#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "common/error.hpp"
#include "common/pipeline/compiled.hpp"
#include "common/pipeline/pipeline.hpp"
#include "common/time.hpp"
#include "common/wire/header_reader.hpp"
#include "gpu-worker/device.hpp"

namespace sublet {

/// A buffer that every lane allocates once, when the session starts.
struct PlannedBuffer {
  std::string name;
  Bytes capacity;  ///< a multiple of 256 B, at least 256 B
};

/// Which of a launch's arguments is a buffer.
struct HandleSlot {
  std::uint32_t argument = 0;
  std::uint32_t buffer = 0;  ///< position in `Plan::buffers()`, or, behind these, among the bundle's residents
};

/// A launch's arguments with a lane's handles.
struct BoundArguments {
  std::vector<std::byte> bytes;
  std::vector<BufferArgument> buffers;
};

/// One launch of a chunk: everything but the lane's handles.
struct PlannedLaunch {
  std::uint32_t module = 0;  ///< position among the bundle's modules
  std::string_view kernel;   ///< points into the plan
  Dim3 grid = {1, 1, 1};
  Dim3 block = {1, 1, 1};
  std::uint32_t shared_bytes = 0;
  std::vector<std::byte> args;  ///< little-endian, without padding; zero where a handle goes
  std::vector<std::uint32_t> arg_sizes;
  std::vector<HandleSlot> handles;
};

/// Launches that follow each other, run `times` times as a whole.
struct PlannedPart {
  std::uint32_t launches = 0;  ///< how many of the chunk's, those behind the part before
  std::uint32_t check = 0;     ///< how many, behind these, before each look at the condition
  std::uint64_t times = 1;
  /// With a condition: it is looked at after so many times, and ends the part when it holds.
  std::uint64_t every = 1;
  const CompiledRepeat* repeat = nullptr;  ///< points into the plan; nothing for stages that are not repeated
  std::uint64_t limit = 0;                 ///< what the condition compares with, as bits

  [[nodiscard]] bool has_until() const { return repeat != nullptr && repeat->until.has_value(); }
};

/// Part of a chunk's payload.
struct PlannedInput {
  std::uint32_t buffer = 0;  ///< position in `Plan::buffers()`
  std::uint64_t offset = 0;  ///< in the payload
  std::uint64_t bytes = 0;
};

struct PlannedOutput {
  std::string_view name;     ///< points into the plan
  std::uint32_t buffer = 0;  ///< position in `Plan::buffers()`
  std::uint64_t bytes = 0;   ///< at most, with `length`
  /// Where a kernel says how much it is, and the bytes for each that it counts; points into the plan.
  const CompiledOutput::Length* length = nullptr;
  std::uint64_t each = 1;
};

/// What a function of the host is to do.
struct PlannedHostStage {
  const CompiledHostStage* stage = nullptr;  ///< points into the plan
  std::uint64_t bytes = 0;                   ///< of the buffer that it gets
  std::uint64_t room = 0;                    ///< of the buffer that it fills
  std::vector<std::pair<std::string_view, std::uint64_t>> values;
};

/// What one chunk needs, up to the next function of the host, or to its end.
struct ChunkPlan {
  std::uint64_t n = 0;
  std::size_t segment = 0;                  ///< how many functions of the host come before this
  std::optional<PlannedHostStage> host;     ///< what follows the launches; nothing in the last segment
  std::uint64_t output_bytes = 0;           ///< at most, with what stands before several outputs
  std::vector<double> variables;            ///< what the chunk says; nothing where it has no header
  std::span<const PlannedInput> inputs;     ///< one at least
  std::span<const PlannedOutput> outputs;   ///< one at least
  std::span<const PlannedLaunch> launches;  ///< in order; stages with nothing to launch are left out
  std::span<const PlannedPart> parts;       ///< in order, together all of the launches
};

/// A pipeline made ready for one session: what is constant is computed once, the rest per input length without allocating. Movable; used by
/// one thread.
class Plan {
 public:
  Plan() = default;
  Plan(Plan&&) = default;
  Plan& operator=(Plan&&) = default;

  [[nodiscard]] std::span<const PlannedBuffer> buffers() const { return buffers_; }
  [[nodiscard]] Millis time_limit() const { return time_limit_; }
  [[nodiscard]] std::uint64_t max_chunk_bytes() const { return max_chunk_bytes_; }
  /// What one lane allocates: the sum of the capacities.
  [[nodiscard]] Bytes lane_bytes() const;

  /// What a chunk with this payload needs. The same length again costs nothing, nor does the same header. The plan belongs to this object
  /// and stays as it is until the next call. Errors are the chunk's own and found before anything runs: `chunk_too_large`, `bad_parameter`,
  /// `bad_size` where a requirement does not hold, `output_too_large`, or `bad_pipeline` when a buffer, a grid or an argument cannot be
  /// what its expression says.
  Result<const ChunkPlan*> chunk(ByteView payload);
  /// The same for a chunk without a header: `n` bytes of the first input.
  Result<const ChunkPlan*> chunk(std::uint64_t n);
  /// A chunk's next segment, once a function of the host has run and perhaps changed its variables. Errors are the chunk's own.
  Result<const ChunkPlan*> next_segment(std::size_t segment, std::uint64_t n, std::span<const double> variables);
  [[nodiscard]] const std::string& variable_name(std::uint32_t variable) const { return pipeline_.variables[variable].name; }
  /// `bad_parameter` for what a variable must not be.
  [[nodiscard]] Result<void> check_variable(std::uint32_t variable, double value) const;

 private:
  friend Result<Plan> make_plan(const Bundle& bundle, std::uint64_t max_chunk_bytes);

  Result<const ChunkPlan*> chunk_of(const ChunkValues& chunk, std::span<const std::uint64_t> input_bytes, std::uint64_t begin);
  Result<void> fill_segment(std::size_t segment, const ChunkValues& chunk);
  Result<void> fill_host_stage(const CompiledHostStage& stage, const ChunkValues& chunk);
  Result<void> check_buffers(const ChunkValues& chunk, std::span<const std::uint64_t> input_bytes) const;
  Result<void> fill_outputs(const ChunkValues& chunk);
  Result<void> fill_launches(std::size_t begin, std::size_t end, const ChunkValues& chunk);
  Result<void> fill_parts(const ChunkValues& chunk);
  Result<PlannedPart> repeated_part(const CompiledRepeat& repeat, std::uint32_t launches, std::uint32_t check,
                                    const ChunkValues& chunk) const;

  CompiledPipeline pipeline_;
  std::vector<PlannedBuffer> buffers_;
  Millis time_limit_ = 60s;
  std::uint64_t max_chunk_bytes_ = 0;
  /// One for each stage, made once; a chunk's launches are the first of them.
  std::vector<PlannedLaunch> launches_;
  /// Which stage each of `launches_` is.
  std::vector<std::size_t> order_;
  std::vector<PlannedPart> parts_;
  std::vector<PlannedInput> inputs_;
  std::vector<PlannedOutput> outputs_;
  std::vector<std::uint64_t> plain_bytes_;  ///< of each input, for a chunk without a header
  bool has_header_ = false;
  wire::HeaderReader header_;
  ChunkPlan current_;
  bool has_current_ = false;
};

/// Checks the bundle as `validate` does, that it holds the modules it declares, and that chunks of 0 and `max_chunk_bytes` can be planned.
/// @param max_chunk_bytes  the largest chunk the session will get; buffers are sized for it
Result<Plan> make_plan(const Bundle& bundle, std::uint64_t max_chunk_bytes);

/// A launch's arguments for a lane.
/// @param handles  of the lane's buffers, in the order of `Plan::buffers()`, and of the residents
/// @param into     overwritten; keeps its memory from one launch to the next
void bind_arguments(const PlannedLaunch& launch, std::span<const MemHandle> handles, BoundArguments& into);

}  // namespace sublet
