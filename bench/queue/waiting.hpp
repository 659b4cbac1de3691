#pragma once

// Figures P4 and P6: what many chunks that wait cost, and how soon another broker serves them.

#include <cstddef>

#include "common/time.hpp"
#include "tests/support/redis_server.hpp"

namespace sublet::bench {

/// Memory of the broker and of Redis with a million chunks of 64 bytes waiting; the rate at which ten million are worked off beside that
/// of a queue that is kept short. False when it could not be measured.
bool print_waiting(const test::RedisServer& redis, Seconds duration);

/// From `kill -9` of the broker until a request is answered by the other one, with a million chunks waiting.
bool print_takeover(const test::RedisServer& redis, std::size_t repeats);

}  // namespace sublet::bench
