#pragma once

#include <map>
#include <optional>
#include <string>

#include "common/error.hpp"
#include "common/time.hpp"

namespace sublet::io {

/// What a program says once it serves: "control" -> "tcp://127.0.0.1:40123", …
using Ready = std::map<std::string, std::string>;

/// Writes `ready` as one line of JSON to `fd`, the number given by `--ready-fd`, and closes it.
Result<void> write_ready(int fd, const Ready& ready);

/// Reads that line from the other end of the pipe. `io_failed` when the program ended or closed the pipe without one, `timeout` when it
/// does not come in time.
Result<Ready> read_ready(int fd, Millis timeout);

}  // namespace sublet::io
