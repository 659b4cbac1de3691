#pragma once

#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

#include "common/error.hpp"
#include "common/pipeline/pipeline.hpp"

namespace sublet {

/// What the texts of one pipeline may name, listed once for all of them.
class Scope {
 public:
  /// @param pipeline  has to outlive it
  explicit Scope(const Pipeline& pipeline) : pipeline_(&pipeline), variables_(variables_of(pipeline)) {}

  [[nodiscard]] const Pipeline& pipeline() const { return *pipeline_; }
  /// As `variables_of` lists them.
  [[nodiscard]] std::span<const PipelineParameter> variables() const { return variables_; }
  /// Position of a buffer, or, counted on behind the buffers, of a resident. `bad_pipeline` with the nearest name for anything else.
  [[nodiscard]] Result<std::uint32_t> memory(std::string_view name) const;
  /// Position of a buffer, whose bytes the stages write; `bad_pipeline` for a resident too.
  [[nodiscard]] Result<std::uint32_t> written_buffer(std::string_view name) const;

 private:
  const Pipeline* pipeline_;
  std::vector<PipelineParameter> variables_;
};

}  // namespace sublet
