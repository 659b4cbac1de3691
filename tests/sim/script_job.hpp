#pragma once

#include <cstdint>
#include <map>
#include <vector>

#include "broker/stores/record.hpp"
#include "common/job.hpp"
#include "tests/sim/chunks.hpp"
#include "tests/sim/simulation.hpp"

namespace sublet::sim {

/// A job that some producer is to bring to its end: what is asked for, and every chunk.
struct ScriptJob {
  struct Chunk {
    std::uint64_t id = 0;
    Behaviour behaviour = Behaviour::good;
    std::uint8_t times = 0;
  };
  std::uint32_t number = 0;
  JobSpec spec;
  std::uint32_t pipeline = 0;
  std::vector<Chunk> chunks;
  bool cancelled = false;

  static ScriptJob draw(Simulation& simulation, std::uint32_t number);
};

/// What the program around a producer keeps on its own disk: outputs it has handled, and how far.
struct Handled {
  JobId job;
  Cursor cursor;
  std::map<std::uint64_t, wire::Output> entries;
  std::uint64_t chunks = 0;
  bool done = false;
};

}  // namespace sublet::sim
