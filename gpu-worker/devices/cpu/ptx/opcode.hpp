#pragma once

#include <optional>
#include <string_view>

#include "gpu-worker/devices/cpu/ptx/ir.hpp"

namespace sublet::cpu {

/// What an opcode as written, "fma.rn.ftz.f32", says.
struct OpcodeParts {
  Opcode opcode = Opcode::ret;
  Modifiers modifiers;
  Type type = Type::none;
  Type to = Type::none;
};

/// Nothing when the opcode or one of its modifiers is not among those this device knows.
std::optional<OpcodeParts> split_opcode(std::string_view text);

}  // namespace sublet::cpu
