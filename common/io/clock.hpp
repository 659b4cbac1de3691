#pragma once

#include "common/time.hpp"

namespace sublet::io {

/// The monotonic clock: the only one that deadlines are judged by.
inline Instant now() { return std::chrono::steady_clock::now(); }

}  // namespace sublet::io
