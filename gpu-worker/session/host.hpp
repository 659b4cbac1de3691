#pragma once

#include <atomic>
#include <list>
#include <optional>
#include <thread>
#include <utility>

#include "gpu-worker/device.hpp"
#include "gpu-worker/ring/session_end.hpp"
#include "gpu-worker/session/guard.hpp"
#include "gpu-worker/session/shared_device.hpp"

namespace sublet::session {

/// The leases of one process, each served by a thread of its own: it loads the lease's bundle, runs its chunks, and frees everything when
/// the lease is closed. A fault that only a new process can mend ends the process.
class Host {
 public:
  Host(Device& device, const HostFunctions& functions, Guard& guard) : device_{.device = device, .functions = functions}, guard_(&guard) {}

  void take(ring::SessionEnd end);

 private:
  struct Served {
    explicit Served(ring::SessionEnd given) : end(std::move(given)) {}

    std::optional<ring::SessionEnd> end;
    std::atomic<bool> done = false;
    std::jthread thread;
  };

  void serve(Served& served);

  SharedDevice device_;
  Guard* guard_;
  std::list<Served> served_;
};

}  // namespace sublet::session
