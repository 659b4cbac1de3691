#include "gpu-worker/session/process.hpp"

#include <utility>

#include <unistd.h>

#include "gpu-worker/session/host.hpp"

namespace sublet::session {

ExitCode live(const ring::SessionLink& link, Device& device, const HostFunctions& functions, Guard& guard) {
  const DeviceInfo& info = device.info();
  if (!link.greet({.text = info.name, .total = info.total, .context = info.context_overhead})) {
    return kProtocol;
  }
  Host host(device, functions, guard);
  while (true) {
    auto end = link.next();
    if (!end || !*end) {
      // Not by a return, which would wait for the leases' threads: one of them may be in a kernel that never ends.
      ::_exit(end ? kEnded : kProtocol);
    }
    host.take(std::move(**end));
  }
}

}  // namespace sublet::session
