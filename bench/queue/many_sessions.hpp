#pragma once

namespace sublet::bench {

/// Figure P5: what the broker's rules take for a decision while thousands of sessions and jobs are registered, and the rate of chunks
/// beside that of one job and one session. The rules alone, without sockets and stores.
void print_many_sessions();

}  // namespace sublet::bench
