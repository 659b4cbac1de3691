#pragma once

// What Sublet does: producer (this process) -> broker -> worker -> session process -> broker -> producer, each output read back and
// compared.

#include <string>

#include "bench/queue/figures.hpp"
#include "producer/client.hpp"

namespace sublet::bench {

/// Chunks per second through pipeline `echo`, submitted in batches by one thread, read by another.
double batch_rate(Client& client, const Bundle& bundle, const Shape& shape);

/// The same with payloads and outputs by reference.
double reference_rate(Client& client, const Bundle& bundle, const Shape& shape);

/// The same, submitted one chunk a call by `threads` threads.
double single_rate(Client& client, const Bundle& bundle, const Shape& shape, std::size_t threads);

/// The rate at which chunks of a job come out that were submitted before; cancels it.
double drain_rate(Job job, std::size_t chunk_bytes, Seconds duration);

/// One chunk at a time, from submit to its output.
Latency round_trip(Client& client, const Bundle& bundle, std::size_t rounds);

}  // namespace sublet::bench
