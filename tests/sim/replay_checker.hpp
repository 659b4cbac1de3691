#pragma once

#include "common/ids.hpp"
#include "tests/sim/disk.hpp"

namespace sublet::sim {

/// Compares a job that runs dead chunks of another again with what is stored of those: each of its chunks is one of them and marked as run
/// again by it, so none is by two jobs; and what is marked is there. Throws `Violation`.
void check_replay(const Disk& disk, JobId replay, JobId origin);

/// Whether some dead chunk of the job was not run again yet.
bool has_more_to_replay(const Disk& disk, JobId origin);

}  // namespace sublet::sim
