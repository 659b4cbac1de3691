#pragma once

// What ZeroMQ alone does on this machine: the same frames through a relay process (ROUTER to ROUTER) to a process that sends them back.

#include <memory>
#include <string>

#include "bench/queue/figures.hpp"

namespace sublet::bench {

class Ceiling {
 public:
  Ceiling();
  ~Ceiling();
  Ceiling(const Ceiling&) = delete;
  Ceiling& operator=(const Ceiling&) = delete;

  /// Chunks per second, packed as `shape` says.
  double rate(const Shape& shape);
  /// One 64-byte message at a time.
  Latency round_trip(std::size_t rounds);

 private:
  struct State;
  std::unique_ptr<State> state_;
};

/// The two helper processes; `main` calls these for `--role relay` and `--role echo`.
int run_relay(int ready_fd);
int run_echo(const std::string& endpoint, int ready_fd);

}  // namespace sublet::bench
