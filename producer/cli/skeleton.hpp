#pragma once

#include <string>
#include <string_view>

#include "producer/cli/kernel_report.hpp"

namespace sublet::cli {

/// A pipeline that launches every kernel of the module once, as YAML with comments: what its author did not say is guessed, and every guess
/// is marked. It is a valid pipeline, for which numbers and sizes are still to be filled in.
/// @param file    the module, as the user named it
/// @param module  the module, as seen from the folder of the pipeline
std::string skeleton_pipeline(const ModuleReport& report, std::string_view file, std::string_view module);

}  // namespace sublet::cli
