#pragma once

namespace sublet::bench {

/// Prints every kernel of kernels/ beside the same loop in plain C++, each on one thread of the host.
void bench_kernels();

}  // namespace sublet::bench
