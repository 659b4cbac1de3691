#pragma once

#include <chrono>

namespace sublet {

using namespace std::chrono_literals;

/// A reading of a monotonic clock. Pure code takes instants as arguments; only `common/io/clock.hpp` reads one.
using Instant = std::chrono::time_point<std::chrono::steady_clock, std::chrono::nanoseconds>;
using Nanos = std::chrono::nanoseconds;
using Micros = std::chrono::microseconds;
using Millis = std::chrono::milliseconds;
using Seconds = std::chrono::seconds;

}  // namespace sublet
