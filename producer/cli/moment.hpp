#pragma once

#include <chrono>
#include <string_view>

#include "common/error.hpp"

namespace sublet::cli {

/// "2026-12-01T10:00Z", "2026-12-01T10:00:30+01:00": a time of day with its zone, since a broker may stand in another one. `bad_argument`
/// otherwise, naming `what`.
Result<std::chrono::sys_seconds> parse_moment(std::string_view text, std::string_view what);

}  // namespace sublet::cli
