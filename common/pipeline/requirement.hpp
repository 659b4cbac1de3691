#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "common/error.hpp"
#include "common/pipeline/expression.hpp"
#include "common/pipeline/pipeline.hpp"

namespace sublet {

/// A requirement that has been read once: a comparison of two expressions, and a message with expressions in braces.
class CompiledRequirement {
 public:
  /// `bad_pipeline` for what is no comparison, no message or no expression, and, with the message, for what holds at no `n`.
  static Result<CompiledRequirement> compile(const PipelineRequirement& requirement, std::span<const PipelineParameter> parameters);

  /// `bad_pipeline` when a side cannot be computed at this `n`.
  [[nodiscard]] Result<bool> holds(std::uint64_t n) const;
  /// What to tell whoever sent a chunk of `n` bytes. A number that cannot be computed is `?`.
  [[nodiscard]] std::string message(std::uint64_t n) const;

 private:
  enum class Comparison : std::uint8_t { equal, unequal, less, at_most, greater, at_least };

  /// `text`, and then the value of an expression unless it is the last.
  struct Part {
    std::string text;
    CompiledExpression value;
  };

  struct Operator {
    std::string_view text;
    Comparison comparison;
  };
  static std::span<const Operator> operators();
  Result<void> read_condition(std::string_view text, std::span<const PipelineParameter> parameters);
  Result<void> read_message(std::string_view text, std::span<const PipelineParameter> parameters);

  CompiledExpression left_;
  CompiledExpression right_;
  Comparison comparison_ = Comparison::equal;
  std::vector<Part> parts_;
};

}  // namespace sublet
