#pragma once

#include <cstdint>
#include <span>
#include <string_view>

#include "common/bytes.hpp"
#include "common/error.hpp"
#include "common/pipeline/argument.hpp"
#include "common/pipeline/comparison.hpp"
#include "common/pipeline/pipeline.hpp"
#include "common/pipeline/scope.hpp"

namespace sublet {

/// What ends a repeat early, read once: a number at the start of a buffer, compared with one that is known beforehand.
class CompiledUntil {
 public:
  /// Reads `f32 residual < tolerance`. `bad_pipeline` for what is no comparison of that kind, and for an unknown type, buffer or number.
  static Result<CompiledUntil> compile(std::string_view text, const Scope& scope);

  /// Position among the pipeline's buffers.
  [[nodiscard]] std::uint32_t buffer() const { return buffer_; }
  /// How many bytes at the buffer's start are the number.
  [[nodiscard]] std::uint32_t bytes() const { return argument_size(type_); }
  /// What it compares with for this chunk, as bits; `bad_pipeline` when the type cannot hold it.
  [[nodiscard]] Result<std::uint64_t> limit(const ChunkValues& chunk) const { return limit_.bits(chunk); }
  /// @param value  `bytes()` of them, little-endian
  [[nodiscard]] bool holds(ByteView value, std::uint64_t limit) const;

 private:
  ArgumentType type_ = ArgumentType::f32;
  std::uint32_t buffer_ = 0;
  Comparison comparison_ = Comparison::less;
  CompiledArgument limit_;
};

}  // namespace sublet
