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

/// What a pipeline says under `else`, read once: words with expressions in braces, which become their values.
class CompiledMessage {
 public:
  /// `bad_pipeline` for an empty or too long text, one of several lines, and what is no expression.
  static Result<CompiledMessage> compile(std::string_view text, std::span<const PipelineParameter> parameters);

  /// A number that cannot be computed for this chunk is `?`.
  [[nodiscard]] std::string at(const ChunkValues& chunk) const;

 private:
  /// `text`, and then the value of an expression unless it is the last.
  struct Part {
    std::string text;
    CompiledExpression value;
  };
  std::vector<Part> parts_;
};

}  // namespace sublet
