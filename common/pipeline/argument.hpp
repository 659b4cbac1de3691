#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "common/error.hpp"
#include "common/pipeline/expression.hpp"
#include "common/pipeline/pipeline.hpp"
#include "common/pipeline/scope.hpp"

namespace sublet {

/// As it stands in a pipeline's file: "u8" … "f64"; "buffer" for a buffer.
std::string_view argument_type_name(ArgumentType type);
std::optional<ArgumentType> parse_argument_type(std::string_view name);
/// In bytes: 1, 2, 4 or 8; a buffer's address has 8.
std::uint32_t argument_size(ArgumentType type);

/// Reads `raw` (a buffer) or `i32 n / 4` (type and value). Whether the buffer or the parameters are there is for `validate` to say.
Result<PipelineArgument> parse_argument(std::string_view text);
/// The inverse of `parse_argument`.
std::string to_text(const PipelineArgument& argument);

/// An argument whose names are resolved.
class CompiledArgument {
 public:
  /// `bad_pipeline` for an unknown buffer or parameter, a wrong number, and a constant that the type cannot hold.
  static Result<CompiledArgument> compile(const PipelineArgument& argument, const Scope& scope);

  [[nodiscard]] ArgumentType type() const { return type_; }
  [[nodiscard]] bool is_buffer() const { return type_ == ArgumentType::buffer; }
  /// Position among the pipeline's buffers, behind which its residents are counted on, of an argument that is one.
  [[nodiscard]] std::uint32_t buffer() const { return buffer_; }
  /// The value's bits in the low bytes, for an argument that is a number; `bad_pipeline` when the type cannot hold it for this chunk.
  [[nodiscard]] Result<std::uint64_t> bits(const ChunkValues& chunk) const;

 private:
  ArgumentType type_ = ArgumentType::buffer;
  std::uint32_t buffer_ = 0;
  std::optional<std::uint64_t> constant_bits_;
  /// Position of a varying parameter that alone is the argument.
  std::optional<std::uint32_t> variable_;
  double otherwise_ = 0;  ///< where the chunk does not say what it is
  CompiledExpression expression_;
};

}  // namespace sublet
