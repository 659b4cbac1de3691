#pragma once

// Which steps are joined: those that follow one another while all threads of a block agree.

#include <cstdint>
#include <vector>

#include "gpu-worker/devices/cpu/native/forms.hpp"
#include "gpu-worker/devices/cpu/native/shape.hpp"
#include "gpu-worker/devices/cpu/run/program.hpp"

namespace sublet::cpu::native {

struct Item {
  enum class Kind : std::uint8_t {
    scalar,  ///< a step that is done once for all lanes
    lanes,   ///< a step that is done for every lane
    load,    ///< of a row of neighbours
    store,
    agree,  ///< no lane leaves the trace here: `predicate` is the same for all, and this it must be
  };
  Kind kind = Kind::lanes;
  std::uint32_t step = 0;
  Shape shape = {};  ///< of a scalar's result
  NativeForm form = {};
  std::uint32_t predicate = 0;
  bool wanted = false;
  /// Of an access: whether every lane's address stands in the registers and has to be looked at.
  bool looked_at = false;
};

/// From a step up to and without another one, which may be in a later block.
struct Trace {
  std::uint32_t first_step = 0;
  std::uint32_t end_block = 0;
  std::uint32_t end_step = 0;
  std::uint32_t steps = 0;   ///< that it passes
  std::uint32_t blocks = 0;  ///< whose ends it passes
  bool begins_with_access = false;
  std::vector<Item> items;
};

/// The longest trace from `step` of `block` on; it has no items when the interpreter has to do that step.
Trace trace_from(const Program& program, const Shapes& at_entry, std::uint32_t block, std::uint32_t step);

}  // namespace sublet::cpu::native
