#pragma once

#include <string_view>

#include "common/error.hpp"
#include "gpu-worker/devices/cpu/ptx/ir.hpp"

namespace sublet::cpu {

/// Reads a module of PTX text. Text that is not PTX is `load_failed` with its line; what is PTX but cannot run here is listed in
/// `Module::unsupported`, so that the caller can say all of it at once.
/// @param source  must outlive the module: instructions point into it
Result<Module> parse_module(std::string_view source);

}  // namespace sublet::cpu
