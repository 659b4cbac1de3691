#pragma once

#include <cstdint>

#include "common/time.hpp"

namespace sublet::io {

/// The monotonic clock: the only one that deadlines are judged by.
inline Instant now() { return std::chrono::steady_clock::now(); }

/// Names that clock: the same for every process of a host until it reboots. 0 where the kernel does not say.
std::uint64_t clock_name();

}  // namespace sublet::io
