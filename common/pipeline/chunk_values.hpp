#pragma once

#include <cstdint>
#include <span>

namespace sublet {

/// What expressions are about: known of a chunk before any of it runs.
struct ChunkValues {
  /// A chunk of `bytes`, and the pipeline's own values for what may vary.
  ChunkValues(std::uint64_t bytes) : n(bytes) {}  // NOLINT(google-explicit-constructor): most pipelines know nothing else of a chunk
  ChunkValues(std::uint64_t bytes, std::span<const double> values) : n(bytes), variables(values) {}

  std::uint64_t n = 0;                ///< bytes of its inputs
  std::span<const double> variables;  ///< of all that `variables_of` lists, in that order; or empty
};

}  // namespace sublet
