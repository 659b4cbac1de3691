#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "common/error.hpp"
#include "common/pipeline/pipeline.hpp"

namespace sublet {

/// An expression that has been read once, so that evaluating it for an `n` costs no allocation. Parameters are folded into constants.
class CompiledExpression {
 public:
  /// The constant 0.
  CompiledExpression() = default;

  /// `bad_pipeline` for a text that is no expression, for an unknown name (with the nearest right one), for a parameter that is not a whole
  /// number, and for whatever is wrong at every `n`: an overflow or a division by zero among constants.
  static Result<CompiledExpression> compile(std::string_view text, std::span<const PipelineParameter> parameters);

  /// `bad_pipeline`, naming the expression and `n`, when a step leaves 0 .. 2^64 - 1 or divides by zero.
  [[nodiscard]] Result<std::uint64_t> evaluate(std::uint64_t n) const;

  /// Whether it has the same value at every `n`.
  [[nodiscard]] bool is_constant() const { return steps_.size() <= 1 && (steps_.empty() || steps_[0].what == Operation::constant); }
  [[nodiscard]] const std::string& text() const { return text_; }

 private:
  friend class ExpressionParser;

  enum class Operation : std::uint8_t { constant, n, add, subtract, multiply, divide, remainder, minimum, maximum, ceil_divide };

  /// In postfix order: an operation takes the two topmost values off the stack and leaves one.
  struct Step {
    Operation what = Operation::constant;
    std::uint64_t value = 0;
  };

  static constexpr std::size_t kStackDepth = 128;

  std::string text_ = "0";
  std::vector<Step> steps_;
};

}  // namespace sublet
