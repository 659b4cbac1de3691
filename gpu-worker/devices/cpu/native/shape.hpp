#pragma once

// What is known of a value's lanes without looking at them.

#include <cstdint>
#include <optional>
#include <vector>

#include "gpu-worker/devices/cpu/run/program.hpp"

namespace sublet::cpu::native {

/// A value that is not a vector is known by its first lane: the others are each `stride` more than the one before, as its width counts.
struct Shape {
  bool scalar = false;
  std::int64_t stride = 0;
  std::optional<std::uint64_t> bits = {};  ///< of a constant

  [[nodiscard]] bool uniform() const { return scalar && stride == 0; }
};

/// Shapes of all slots, by unit.
using Shapes = std::vector<Shape>;

/// What holds whenever a block of `program` runs.
/// @param line  whether blocks have one dimension, so that %tid.x counts the lanes
Shapes shapes_at_entry(const Program& program, bool line);

/// What scalar code makes of scalar inputs, or nothing where it knows no such form. It may find, when it runs, that its inputs' lanes
/// leave the range of their type, and then gives up.
std::optional<Shape> scalar_result(const Step& step, const Shapes& shapes);
/// The same of a comparison: one predicate for all lanes, if the code finds that they agree.
bool is_scalar_comparison(const Step& step, const Shapes& shapes);

}  // namespace sublet::cpu::native
