#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <set>
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
  JobSpec spec;  ///< but for the jobs it runs after, which have no ids before they are opened
  std::vector<std::uint32_t> after;
  /// It runs the dead chunks of that job again, and brings none.
  std::optional<std::uint32_t> replays;
  std::uint32_t pipeline = 0;
  std::vector<Chunk> chunks;
  bool cancelled = false;

  static ScriptJob draw(Simulation& simulation, std::uint32_t number);
  static ScriptJob draw_replay(Simulation& simulation, std::uint32_t number, const ScriptJob& origin);
};

/// What the programs tell each other about their jobs, by number.
struct Notes {
  std::map<std::uint32_t, JobId> opened;
  /// Which ids a job was opened with as those it runs after: what has its key has to have these.
  std::map<std::uint32_t, std::vector<JobId>> after;
  /// It cannot be opened any more.
  std::set<std::uint32_t> given_up;
};

/// What the program around a producer keeps on its own disk: outputs it has handled, and how far.
struct Handled {
  JobId job;
  Cursor cursor;
  std::map<std::uint64_t, wire::Output> entries;
  std::uint64_t chunks = 0;
  std::uint64_t dead = 0;  ///< once the job has ended
  bool done = false;
};

}  // namespace sublet::sim
