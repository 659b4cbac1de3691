#pragma once

#include <cstdint>
#include <span>
#include <string>

#include "common/error.hpp"
#include "common/pipeline/comparison.hpp"
#include "common/pipeline/expression.hpp"
#include "common/pipeline/message.hpp"
#include "common/pipeline/pipeline.hpp"

namespace sublet {

/// A requirement that has been read once: a comparison of two expressions, and a message with expressions in braces.
class CompiledRequirement {
 public:
  /// `bad_pipeline` for what is no comparison, no message or no expression, and, with the message, for what holds at no `n`.
  static Result<CompiledRequirement> compile(const PipelineRequirement& requirement, std::span<const PipelineParameter> parameters);

  /// `bad_pipeline` when a side cannot be computed at this `n`.
  [[nodiscard]] Result<bool> holds(std::uint64_t n) const;
  /// What to tell whoever sent a chunk of `n` bytes.
  [[nodiscard]] std::string message(std::uint64_t n) const { return message_.at(n); }

 private:
  Result<void> read_condition(std::string_view text, std::span<const PipelineParameter> parameters);

  CompiledExpression left_;
  CompiledExpression right_;
  Comparison comparison_ = Comparison::equal;
  CompiledMessage message_;
};

}  // namespace sublet
