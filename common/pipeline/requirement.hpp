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

  /// `bad_pipeline` when a side cannot be computed for this chunk.
  [[nodiscard]] Result<bool> holds(const ChunkValues& chunk) const;
  /// What to tell whoever sent such a chunk.
  [[nodiscard]] std::string message(const ChunkValues& chunk) const { return message_.at(chunk); }

 private:
  Result<void> read_condition(std::string_view text, std::span<const PipelineParameter> parameters);

  CompiledExpression left_;
  CompiledExpression right_;
  Comparison comparison_ = Comparison::equal;
  CompiledMessage message_;
};

}  // namespace sublet
