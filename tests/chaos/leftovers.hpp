#pragma once

#include <string>
#include <vector>

#include "common/time.hpp"

namespace sublet::chaos {

/// From now on processes whose parent dies become ours, so that `processes_left` sees them.
void adopt_orphans();

/// Waits until no child of this process is left, adopted ones included, and kills those that are. For after everything has been stopped.
/// @return their names
std::vector<std::string> processes_left(Millis patience);

}  // namespace sublet::chaos
