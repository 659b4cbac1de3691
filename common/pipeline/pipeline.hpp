#pragma once

// A pipeline as plain values: what is done to a chunk. Read from YAML by `pipeline_yaml.hpp` (with its modules: `bundle_file.hpp`), checked
// by `validate`, made ready to be evaluated for an input's length by `compile` (compiled.hpp). docs/pipelines.md is the user's page.

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "common/bytes.hpp"
#include "common/error.hpp"
#include "common/ids.hpp"

namespace sublet {

/// An integer expression over `n` (the input's length in bytes) and the pipeline's parameters: + - * / % ( ) min(a, b) max(a, b)
/// ceil_div(a, b). Unsigned 64-bit; overflow and division by zero are errors, never wrapped.
using Expression = std::string;

struct PipelineModule {
  std::string name;
  std::string file;  ///< beside the pipeline's file; empty inside a bundle
  bool operator==(const PipelineModule&) const = default;
};

/// Whether a chunk may have a value of its own for a parameter, and of what kind.
enum class Variation : std::uint8_t { none, whole, real };

struct PipelineParameter {
  std::string name;
  double value = 0;  ///< expressions may use a parameter only when it is a whole number
  Variation variation = Variation::none;
  double least = 0;  ///< of a chunk's own values
  double most = 0;
  bool operator==(const PipelineParameter&) const = default;
};

struct PipelineBuffer {
  std::string name;
  Expression bytes;
  bool operator==(const PipelineBuffer&) const = default;
};

/// Data that all chunks of a session share: uploaded once when it starts, and only read from then on.
struct PipelineResident {
  std::string name;
  std::string file;         ///< beside the pipeline's file; empty inside a bundle
  std::uint64_t bytes = 0;  ///< of the file; 0 until it was read
  bool operator==(const PipelineResident&) const = default;
};

enum class ArgumentType : std::uint8_t { buffer, u8, s8, u16, s16, u32, s32, u64, s64, f32, f64 };

/// The address of a buffer or a resident, or a number: an expression for the integer types (for the signed ones also a negative number, or
/// the name of a parameter that is one), a number or a parameter's name for the float types.
struct PipelineArgument {
  ArgumentType type = ArgumentType::buffer;
  std::string value;
  bool operator==(const PipelineArgument&) const = default;
};

/// What has to hold for a chunk: one for which it does not is refused with the message before anything runs.
struct PipelineRequirement {
  Expression that;        ///< two expressions with one of == != < <= > >= between them
  std::string otherwise;  ///< may have expressions in braces, which become their values
  bool operator==(const PipelineRequirement&) const = default;
};

struct PipelineStage {
  std::string kernel;
  std::string module;  ///< empty: the only one
  /// Either `over`, the number of threads asked for (grid = ceil(over / block) in x; 0 skips the launch), or `grid`.
  Expression over;
  std::array<Expression, 3> grid;
  std::array<std::uint32_t, 3> block = {256, 1, 1};
  std::uint32_t shared_bytes = 0;
  std::vector<PipelineArgument> args;
  bool operator==(const PipelineStage&) const = default;
};

/// A buffer that comes back.
struct PipelineOutput {
  std::string buffer;
  Expression bytes;  ///< how much of it; empty: all
  std::string
      length;       ///< where a kernel leaves how much of that it is: `u32 count`, the type and the buffer at whose start it is; or empty
  Expression each;  ///< bytes for each that `length` counts; empty: 1
  bool operator==(const PipelineOutput&) const = default;
};

/// Stages that follow each other and run several times, all on the device between two looks at the condition.
struct PipelineRepeat {
  std::uint32_t first = 0;   ///< position of the first of them among the stages
  std::uint32_t stages = 1;  ///< how many there are
  std::uint32_t check = 0;   ///< how many, behind these, run before each look only
  Expression times;          ///< how often, at most
  Expression every;          ///< looks at the condition after so many; empty: after each
  std::string until;         ///< ends it early, such as `f32 residual < tolerance`; empty: nothing does
  std::string otherwise;     ///< what a chunk for which the condition never held fails with; empty: it goes on
  bool operator==(const PipelineRepeat&) const = default;
};

struct PipelineValue {
  std::string name;
  Expression value;
  bool operator==(const PipelineValue&) const = default;
};

/// A function of the worker's host between two stages: gets the start of one buffer, and fills another.
struct PipelineHostStage {
  std::uint32_t before = 0;  ///< position of the stage that it runs before; behind the last: how many there are
  std::string function;
  std::string from;
  Expression bytes;  ///< how much of it; empty: all
  std::string to;
  std::string length;                 ///< a buffer at whose start it leaves, as a u64, how many bytes it gave; empty: nowhere
  std::vector<PipelineValue> values;  ///< what the function is told
  std::vector<std::string> sets;      ///< parameters of the chunk that are from then on what the function says
  bool operator==(const PipelineHostStage&) const = default;
};

struct Pipeline {
  std::string name;
  std::vector<PipelineModule> modules;
  std::vector<PipelineParameter> parameters;
  std::vector<PipelineBuffer> buffers;
  std::vector<PipelineResident> residents;
  std::vector<PipelineRequirement> require;
  std::vector<PipelineStage> stages;
  std::vector<PipelineRepeat> repeats;         ///< in the order of their stages, none of which is in two
  std::vector<PipelineHostStage> host_stages;  ///< in their order
  std::vector<std::string> inputs;             ///< the buffers that hold the chunk's data, one at least
  std::vector<PipelineOutput> outputs;         ///< one at least
  std::uint32_t lanes = 0;                     ///< chunks in flight inside a session; 0: as many as pay and fit the card
  std::uint32_t time_limit_ms = 60'000;        ///< for one chunk's kernels
  bool operator==(const Pipeline&) const = default;
};

/// A pipeline's module as it travels: PTX text, CUDA C++, or code for cards.
struct ModuleImage {
  std::string name;
  std::vector<std::byte> image;
  bool operator==(const ModuleImage&) const = default;
};

/// A resident's bytes as they travel.
struct ResidentData {
  std::string name;
  std::vector<std::byte> data;
  bool operator==(const ResidentData&) const = default;
};

/// What a session needs to run a pipeline. Encoded as MessagePack by `common/wire/bundle.hpp`; its content hash is its name everywhere.
struct Bundle {
  Pipeline pipeline;
  std::vector<ModuleImage> modules;
  std::vector<ResidentData> residents;
  bool operator==(const Bundle&) const = default;
};

/// What a pipeline may hold. A name is 1 to 64 of A-Z a-z 0-9 _ . - (a parameter's starts with a letter or _ and has no . or -).
struct PipelineLimits {
  static constexpr std::size_t kNameLength = 64;
  static constexpr std::size_t kKernelNameLength = 256;
  static constexpr std::size_t kExpressionLength = 256;
  static constexpr std::size_t kModules = 16;
  static constexpr std::size_t kParameters = 64;
  static constexpr std::size_t kBuffers = 64;
  static constexpr std::size_t kResidents = 16;
  static constexpr std::size_t kInputs = 8;
  static constexpr std::size_t kOutputs = 8;
  static constexpr std::size_t kVariables = 8;  ///< that vary, lengths of several inputs included
  static constexpr std::size_t kRequirements = 16;
  static constexpr std::size_t kMessageLength = 256;
  static constexpr std::size_t kStages = 64;
  static constexpr std::size_t kArguments = 32;
  static constexpr std::size_t kHostStages = 8;
  static constexpr std::uint64_t kLaunches = 1U << 20U;  ///< of one chunk, repeats counted
  static constexpr std::uint32_t kThreadsPerBlock = 1024;
  static constexpr std::uint32_t kBlockDepth = 64;  ///< threads of a block in z
  static constexpr std::uint32_t kSharedBytes = 227U << 10U;
  static constexpr std::uint32_t kLanes = 16;
  static constexpr std::uint32_t kTimeLimitMs = 3'600'000;
};

/// Everything about a pipeline that can be wrong without knowing an input: names (the nearest right one is suggested), expressions, grids,
/// types, limits. The first problem, as `bad_pipeline`, naming stage or buffer and the remedy.
Result<void> validate(const Pipeline& pipeline);

/// What expressions may name beside `n`: the parameters, and behind them, of a pipeline with several inputs, the length of each as `n_` and
/// the buffer's name.
std::vector<PipelineParameter> variables_of(const Pipeline& pipeline);

/// Whether a chunk may have that value for the parameter: of its kind, and within its range.
bool may_be(const PipelineParameter& parameter, double value);

/// Whether chunks begin with a header (common/wire/chunk_header.hpp): where something varies from chunk to chunk beside their length.
bool has_header(const Pipeline& pipeline);

/// The pipeline with another value for one of its parameters; `bad_pipeline` with the nearest right name when it has none of that name.
Result<Pipeline> with_parameter(Pipeline pipeline, std::string_view name, double value);

/// The same for several at once, since what is required of one may depend on another.
Result<Pipeline> with_parameters(Pipeline pipeline, std::span<const PipelineParameter> changed);

/// VRAM that one lane's buffers take for an input of `n` bytes (each buffer rounded up to 256 B, at least 256 B).
Result<Bytes> lane_bytes(const Pipeline& pipeline, std::uint64_t n);

/// VRAM that a lease is charged for its modules: each image rounded up to 64 KiB.
Bytes module_bytes(const Bundle& bundle);

/// VRAM that a lease is charged for its residents: each rounded up as a buffer is.
Result<Bytes> resident_bytes(const Pipeline& pipeline);

/// The least slice that a lease needs: `lease_need` in lanes.hpp says what more it can use.
/// @param modules  as `module_bytes` counts them
Result<Bytes> lease_bytes(const Pipeline& pipeline, std::uint64_t max_chunk_bytes, Bytes modules);
Result<Bytes> lease_bytes(const Bundle& bundle, std::uint64_t max_chunk_bytes);

/// Whether the pipeline takes chunks of `n` bytes: `bad_size` with the words of the first requirement that does not hold.
Result<void> check_length(const Pipeline& pipeline, std::uint64_t n);

/// Output for an input of `n` bytes of which nothing else is said: the most, where a kernel says how much it is. `output_too_large` when a
/// buffer is smaller than that.
Result<std::uint64_t> output_length(const Pipeline& pipeline, std::uint64_t n);

/// The most output for an input of `n` bytes, whatever else a chunk says.
Result<std::uint64_t> output_room(const Pipeline& pipeline, std::uint64_t n);

}  // namespace sublet
