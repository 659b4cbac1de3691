#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
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

  /// Blocks to launch for an input of `n` bytes, or nothing when there is none to launch. `bad_pipeline` past what a card takes:
  /// 2^31 - 1 blocks in x, 65,535 in y and z.
  [[nodiscard]] Result<std::optional<std::array<std::uint32_t, 3>>> grid_at(std::uint64_t n) const;
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

/// A valid pipeline with its names resolved and its expressions read: the one thing that sizes, plans and explanations are made from.
struct CompiledPipeline {
  std::vector<CompiledBuffer> buffers;
  std::vector<CompiledRequirement> requirements;
  std::vector<CompiledStage> stages;
  std::vector<CompiledRepeat> repeats;
  std::uint32_t input = 0;   ///< position in `buffers`
  std::uint32_t output = 0;  ///< position in `buffers`
  std::optional<CompiledExpression> output_bytes;

  /// `bad_size`, with the words of the first requirement that a chunk of `n` bytes does not meet.
  [[nodiscard]] Result<void> check_length(std::uint64_t n) const;
  /// A buffer's size for an input of `n` bytes, as its expression says: not rounded, 0 allowed. Errors name the buffer.
  [[nodiscard]] Result<std::uint64_t> buffer_bytes(std::size_t buffer, std::uint64_t n) const;
  /// `output_too_large` when the output's buffer is smaller.
  [[nodiscard]] Result<std::uint64_t> output_length(std::uint64_t n) const;
  /// The most output that a chunk of `n` bytes can have. One that would overflow its buffer fails alone when it comes, so the buffer is the
  /// bound.
  [[nodiscard]] Result<std::uint64_t> output_room(std::uint64_t n) const;
};

/// What is allocated for a buffer of `bytes`: rounded up to 256 B, at least 256 B. Errors name the buffer.
Result<std::uint64_t> allocated_bytes(std::string_view buffer, std::uint64_t bytes);

/// The part of `validate` that reads no expression: how many there are of each thing, how they are named, and whether every name that is
/// used is declared.
Result<void> check_shape(const Pipeline& pipeline);

/// Checks as `validate` does.
Result<CompiledPipeline> compile(const Pipeline& pipeline);

}  // namespace sublet
