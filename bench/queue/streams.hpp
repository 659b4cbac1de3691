#pragma once

// What Redis Streams do on the same redis-server: an entry per chunk, written by pipelined XADDs (this process), read by a consumer group
// (a process of its own) that answers with an entry in another stream and acknowledges, read back here. No retries, no leases, no kernels.

#include <memory>
#include <string>

#include "bench/queue/figures.hpp"

namespace sublet::bench {

class Streams {
 public:
  /// @param socket  the redis-server's unix socket
  explicit Streams(const std::string& socket);
  ~Streams();
  Streams(const Streams&) = delete;
  Streams& operator=(const Streams&) = delete;

  /// Chunks per second; `shape.batch` XADDs go out together. Every answer is compared with its chunk.
  double rate(const Shape& shape);
  /// One chunk at a time.
  Latency round_trip(std::size_t rounds);

 private:
  struct State;
  std::unique_ptr<State> state_;
};

/// The consumer's process; `main` calls it for `--role consumer`.
int run_consumer(const std::string& socket, int ready_fd);

}  // namespace sublet::bench
