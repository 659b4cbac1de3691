#pragma once

namespace sublet::sim {

/// The simulator's command line. Returns the exit status: 1 when a promise was broken.
int run(int argc, char** argv);

}  // namespace sublet::sim
