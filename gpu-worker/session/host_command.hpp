#pragma once

#include <string>

#include "gpu-worker/session/host_functions.hpp"

namespace sublet::session {

/// Runs a command of /bin/sh: the data on its stdin, the result from its stdout. `{name}` in the command becomes the value of that name.
/// Where stdout begins with a line of `name=number` words behind `#sublet `, these are the values that it gives. `host_stage_failed` when
/// it ends with anything but 0 or runs past its time limit, `output_too_large` when it gives too much: then it is killed, with all that it
/// started.
Result<HostResult> run_command(const std::string& command, const HostCall& call);

}  // namespace sublet::session
