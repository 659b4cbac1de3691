#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "common/error.hpp"
#include "common/pipeline/chunk_values.hpp"
#include "common/pipeline/pipeline.hpp"

namespace sublet {

/// An expression that has been read once, so that evaluating it for a chunk costs no allocation. Parameters that are the same for all
/// chunks are folded into constants.
class CompiledExpression {
 public:
  /// The constant 0.
  CompiledExpression() = default;

  /// `bad_pipeline` for a text that is no expression, for an unknown name (with the nearest right one), for a parameter that is not a whole
  /// number, and for whatever is wrong for every chunk: an overflow or a division by zero among constants.
  /// @param variables  as `variables_of` lists them
  static Result<CompiledExpression> compile(std::string_view text, std::span<const PipelineParameter> variables);

  /// `bad_pipeline`, naming the expression and `n`, when a step leaves 0 .. 2^64 - 1 or divides by zero.
  [[nodiscard]] Result<std::uint64_t> evaluate(const ChunkValues& chunk) const;

  /// Whether it has the same value for every chunk.
  [[nodiscard]] bool is_constant() const { return steps_.size() <= 1 && (steps_.empty() || steps_[0].what == Operation::constant); }
  [[nodiscard]] const std::string& text() const { return text_; }

 private:
  friend class ExpressionParser;

  enum class Operation : std::uint8_t { constant, n, variable, add, subtract, multiply, divide, remainder, minimum, maximum, ceil_divide };

  /// In postfix order: an operation takes the two topmost values off the stack and leaves one.
  struct Step {
    Operation what = Operation::constant;
    std::uint64_t value = 0;     ///< of a constant, or of a variable of which a chunk says nothing
    std::uint32_t variable = 0;  ///< position
  };

  static constexpr std::size_t kStackDepth = 128;

  std::string text_ = "0";
  std::vector<Step> steps_;
};

}  // namespace sublet
