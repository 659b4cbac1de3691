#pragma once

#include <string_view>

namespace sublet::cpu {

/// Whether PTX has an instruction with these modifiers and types in this order, of those opcodes that this device knows. How memory is
/// accessed (orders, scopes, caches) is not looked at.
bool is_form(std::string_view opcode);

}  // namespace sublet::cpu
