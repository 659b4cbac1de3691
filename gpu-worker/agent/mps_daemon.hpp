#pragma once

#include <string>

namespace sublet::agent {

/// Whether an MPS daemon has its pipes in the folder. One that was killed may have left them there: a session process that finds nobody
/// behind them says so.
bool has_mps_daemon(const std::string& folder);

}  // namespace sublet::agent
