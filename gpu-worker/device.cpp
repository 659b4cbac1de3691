#include "gpu-worker/device.hpp"

namespace sublet {

Result<void> Session::pass(StreamId stream, const Passage& passage) {
  if (!passage.from.empty()) {
    if (auto written = mem_write(stream, passage.input, 0, passage.from); !written) {
      return written;
    }
  }
  for (const Launch& each : passage.launches) {
    if (auto launched = launch(stream, each); !launched) {
      return launched;
    }
  }
  return passage.into.empty() ? Result<void>() : mem_read(stream, passage.output, 0, passage.into);
}

}  // namespace sublet
