#pragma once

#include <string_view>

#include "gpu-worker/devices/cpu/ptx/ir.hpp"

namespace sublet::cpu {

/// Gives each entry of `module.unsupported` the place in the source that its line was made of, by the `.loc` that stands before it in its
/// function. What was inlined is where it was inlined to.
void name_sources(Module& module, std::string_view ptx);

}  // namespace sublet::cpu
