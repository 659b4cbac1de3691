#pragma once

#include <memory>
#include <string>

#include <spdlog/logger.h>

#include "common/error.hpp"

namespace sublet::io {

using Log = std::shared_ptr<spdlog::logger>;

/// A logger to stderr, one line of text per event: "2026-01-31 12:00:00.000 info sublet-broker: …".
/// @param program  names the line
/// @param level    debug, info, warn, error or off; anything else is `bad_argument`
Result<Log> make_log(const std::string& program, const std::string& level);

/// A logger that says nothing, for tests and embedding.
Log silent_log();

}  // namespace sublet::io
