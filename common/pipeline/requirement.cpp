#include "common/pipeline/requirement.hpp"

#include <utility>

#include <fmt/format.h>

#include "common/pipeline/wording.hpp"

namespace sublet {

Result<void> CompiledRequirement::read_condition(std::string_view text, std::span<const PipelineParameter> parameters) {
  const auto sides = split_comparison(text);
  if (!sides) {
    return fail(
        ErrorCode::bad_pipeline,
        fmt::format("{} is no comparison; write one of == != < <= > >= between two expressions, such as n % 4 == 0", in_quotes(text)));
  }
  auto left = CompiledExpression::compile(sides->left, parameters);
  if (!left) return std::unexpected(left.error());
  auto right = CompiledExpression::compile(sides->right, parameters);
  if (!right) return std::unexpected(right.error());
  left_ = *std::move(left);
  right_ = *std::move(right);
  comparison_ = sides->comparison;
  return {};
}

Result<CompiledRequirement> CompiledRequirement::compile(const PipelineRequirement& requirement,
                                                         std::span<const PipelineParameter> parameters) {
  CompiledRequirement result;
  if (auto read = result.read_condition(requirement.that, parameters); !read) return std::unexpected(read.error());
  auto message = CompiledMessage::compile(requirement.otherwise, parameters);
  if (!message) return std::unexpected(message.error());
  result.message_ = *std::move(message);
  // Between constants it is about the parameters, and no chunk would ever pass.
  if (!result.left_.is_constant() || !result.right_.is_constant() || *result.holds(0)) return result;
  return fail(ErrorCode::bad_pipeline, fmt::format("{} ({} does not hold)", result.message(0), in_quotes(requirement.that)));
}

Result<bool> CompiledRequirement::holds(const ChunkValues& chunk) const {
  const auto left = left_.evaluate(chunk);
  if (!left) return std::unexpected(left.error());
  const auto right = right_.evaluate(chunk);
  if (!right) return std::unexpected(right.error());
  return compare(*left, comparison_, *right);
}

}  // namespace sublet
