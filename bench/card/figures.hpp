#pragma once

#include <cstddef>
#include <cstdio>
#include <cstdlib>
#include <string>

#include <fmt/format.h>

#include "common/error.hpp"
#include "common/pipeline/pipeline.hpp"
#include "common/time.hpp"

namespace sublet::bench {

/// One shape of the burst: segments of a size through decode, denoise, encode.
struct Burst {
  const Bundle& video;
  std::size_t segment_bytes;
  std::size_t lanes;
  Millis duration;
};

/// How payloads and outputs get from the producer to the session and back.
enum class Travel : bool { through_the_queue, by_reference };

template <class T>
T must(Result<T> result) {
  if (!result) {
    fmt::print(stderr, "card_bench: {}\n", to_text(result.error()));
    std::exit(1);
  }
  if constexpr (!std::is_void_v<T>) {
    return std::move(*result);
  }
}

inline std::string size_text(std::size_t bytes) {
  return bytes >= (1U << 20U) ? fmt::format("{} MiB", bytes >> 20U) : fmt::format("{} KiB", bytes >> 10U);
}

/// Segments per second of a program written for this alone on the CUDA driver: a stream, pinned buffers and a graph per lane.
/// @param group  segments of a graph that share one copy in and one copy out
double handwritten_rate(const Burst& burst, std::size_t group = 1);
/// The same of Sublet's lanes on its CUDA device, as a session process uses them, without queue and processes.
double lanes_rate(const Burst& burst, bool graphs = true);
/// The same of the whole: producer, broker, worker, session process and back.
double queue_rate(const Burst& burst, const std::string& endpoint, Travel travel);
/// Segments per second that a redis-server stores and forgets: two values of a segment's size each, as the queue has it do.
double redis_rate(const Burst& burst, const std::string& socket);

/// How much faster copies and kernels of equal length are on several streams of the StreamManager than one after the other.
void print_overlap();
/// How long leases take to come and go (`kernels`: the folder of the ready pipelines).
void print_leases(const std::string& kernels);
/// What each of twelve tenants has of a card by turns.
void print_tenants(const std::string& kernels, Seconds duration);
/// What each kind of fault does to a neighbour's burst.
void print_faults(const std::string& kernels);

}  // namespace sublet::bench
