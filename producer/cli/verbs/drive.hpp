#pragma once

#include "producer/cli/burst.hpp"
#include "producer/cli/cluster.hpp"
#include "producer/cli/verbs/verb.hpp"

namespace sublet::cli {

/// How much is shown while a burst runs, and at its end.
struct Showing {
  bool quiet = false;
  bool json = false;

  [[nodiscard]] bool progress() const { return !quiet && !json; }
};

/// Names the first of the paths that are not submitted.
void say_skipped(Console& console, const InputFiles& inputs);

/// Watches a burst to its end: progress, Ctrl-C, the death of a child.
/// @param cluster  our own broker and worker, or none
BurstSummary drive(Environment& environment, Burst& burst, Cluster* cluster, Showing showing);

/// Prints the summary and, when something is missing, an error; answers the exit code.
ExitCode report(Environment& environment, const BurstSummary& summary, Showing showing);

}  // namespace sublet::cli
