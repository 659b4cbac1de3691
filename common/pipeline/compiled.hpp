#pragma once

#include <algorithm>
#include <array>
#include <cstdint>
#include <initializer_list>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "common/error.hpp"
#include "common/pipeline/argument.hpp"
#include "common/pipeline/expression.hpp"
#include "common/pipeline/pipeline.hpp"
#include "common/pipeline/requirement.hpp"
#include "common/pipeline/until.hpp"

namespace sublet {

struct CompiledBuffer {
  std::string name;
  CompiledExpression bytes;
};

struct CompiledStage {
  /// For errors: `stage 2 (kernel "denoise")`.
  std::string label;
  std::string kernel;
  std::uint32_t module = 0;  ///< position among the pipeline's modules
  bool by_threads = true;    ///< `over` counts; otherwise `grid`
  CompiledExpression over;
  std::array<CompiledExpression, 3> grid;
  std::array<std::uint32_t, 3> block = {1, 1, 1};
  std::uint32_t shared_bytes = 0;
  std::vector<CompiledArgument> args;

  /// Blocks to launch for a chunk, or nothing when there is none to launch. `bad_pipeline` past what a card takes:
  /// 2^31 - 1 blocks in x, 65,535 in y and z.
  [[nodiscard]] Result<std::optional<std::array<std::uint32_t, 3>>> grid_at(const ChunkValues& chunk) const;
};

struct CompiledOutput {
  /// Where a kernel leaves how much of the output there is.
  struct Length {
    std::uint32_t buffer = 0;
    std::uint32_t size = 4;  ///< bytes of the number at its start
  };
  std::string name;
  std::uint32_t buffer = 0;
  std::optional<CompiledExpression> bytes;
  std::optional<Length> length;
  std::optional<CompiledExpression> each;
};

struct CompiledRepeat {
  std::string label;        ///< for errors: `repeat 1`
  std::uint32_t first = 0;  ///< position among the stages
  std::uint32_t stages = 1;
  std::uint32_t check = 0;  ///< stages behind these, before each look
  CompiledExpression times;
  CompiledExpression every;
  std::optional<CompiledUntil> until;
  std::optional<CompiledMessage> otherwise;
};

struct CompiledHostStage {
  std::string label;  ///< for errors: `host stage 1 (decode_picture)`
  std::uint32_t before = 0;
  std::string function;
  std::uint32_t from = 0;  ///< positions in `buffers`
  std::optional<CompiledExpression> bytes;
  std::uint32_t to = 0;
  std::optional<std::uint32_t> length;
  std::vector<std::pair<std::string, CompiledExpression>> values;
  std::vector<std::uint32_t> sets;  ///< positions in `variables`
};

/// A valid pipeline with its names resolved and its expressions read: the one thing that sizes, plans and explanations are made from.
struct CompiledPipeline {
  std::vector<CompiledBuffer> buffers;
  std::vector<CompiledRequirement> requirements;
  std::vector<CompiledStage> stages;
  std::vector<CompiledRepeat> repeats;
  std::vector<CompiledHostStage> host_stages;
  std::vector<PipelineParameter> variables;  ///< as `variables_of` lists them
  std::size_t parameters = 0;                ///< how many of them are parameters; behind these are lengths
  std::vector<std::uint32_t> inputs;         ///< positions in `buffers`
  std::vector<CompiledOutput> outputs;
  std::uint64_t output_header = 0;  ///< the most bytes before several outputs

  /// For `ChunkValues` of a chunk of `n` bytes of which nothing else is said: the pipeline's own values, and inputs of the same length.
  [[nodiscard]] std::vector<double> usual_values(std::uint64_t n) const;

  /// `bad_size`, with the words of the first requirement that a chunk does not meet.
  [[nodiscard]] Result<void> check_length(const ChunkValues& chunk) const;
  /// A buffer's size for a chunk, as its expression says: not rounded, 0 allowed. Errors name the buffer.
  [[nodiscard]] Result<std::uint64_t> buffer_bytes(std::size_t buffer, const ChunkValues& chunk) const;
  /// The most bytes of an output; `output_too_large` when its buffer is smaller.
  [[nodiscard]] Result<std::uint64_t> output_bytes(const CompiledOutput& output, const ChunkValues& chunk) const;
  /// Of all outputs, with what stands before several.
  [[nodiscard]] Result<std::uint64_t> output_length(const ChunkValues& chunk) const;
  /// The most output that a chunk of `n` bytes can have, whatever else it says. One that would overflow its buffer fails alone when it
  /// comes, so the buffer is the bound.
  [[nodiscard]] Result<std::uint64_t> output_room(std::uint64_t n) const;
  /// The larger of what a value is at the ends of everything that may vary. `value` is called with a `ChunkValues`.
  template <class Value>
  Result<std::uint64_t> largest(std::initializer_list<std::uint64_t> lengths, Value value) const;
};

template <class Value>
Result<std::uint64_t> CompiledPipeline::largest(std::initializer_list<std::uint64_t> lengths, Value value) const {
  const std::size_t corners = std::size_t{1} << static_cast<std::size_t>(std::ranges::count_if(
                                  variables, [](const PipelineParameter& each) { return each.variation != Variation::none; }));
  std::uint64_t most = 0;
  std::vector<double> values(corners == 1 ? 0 : variables.size());
  for (const std::uint64_t n : lengths) {
    for (std::size_t corner = 0; corner < corners; ++corner) {
      for (std::size_t i = 0, left = corner; i < values.size(); ++i) {
        const PipelineParameter& variable = variables[i];
        const double high = i < parameters ? variable.most : static_cast<double>(n);
        values[i] = variable.variation == Variation::none ? variable.value : left % 2 == 0 ? variable.least : high;
        left /= variable.variation == Variation::none ? 1 : 2;
      }
      const Result<std::uint64_t> at = value(ChunkValues(n, values));
      if (!at) return at;
      most = std::max(most, *at);
    }
  }
  return most;
}

/// What is allocated for a buffer of `bytes`: rounded up to 256 B, at least 256 B. Errors name the buffer.
Result<std::uint64_t> allocated_bytes(std::string_view buffer, std::uint64_t bytes);

/// The part of `validate` that reads no expression: how many there are of each thing, how they are named, and whether every name that is
/// used is declared.
Result<void> check_shape(const Pipeline& pipeline);

/// Checks as `validate` does.
Result<CompiledPipeline> compile(const Pipeline& pipeline);

}  // namespace sublet
