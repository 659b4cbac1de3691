#pragma once

#include <cstddef>
#include <memory>
#include <thread>

#include "common/error.hpp"
#include "gpu-worker/ring/doorbell.hpp"
#include "gpu-worker/ring/session_end.hpp"

namespace sublet::session {

/// Exit codes of a session process.
enum ExitCode : int {
  kEnded = 0,  ///< the agent closed its end
  kUsage = 2,
  kExpired = 3,       ///< the deadline of its last lease passed, or one did not close in time after its own
  kDeviceBroken = 4,  ///< after `sync_failed` or `kernel_timeout`
  kProtocol = 5,
  kCannotStart = 6,  ///< the device cannot be opened
};

/// Ends the process when the agent is gone or its leases have expired, also while a kernel hangs: it runs on a thread of its own, which
/// touches no device. A lease that expires beside others is closed by its own thread; this only sees that it happens.
class Guard {
 public:
  /// @param link  hung up when the agent is gone
  static Result<std::unique_ptr<Guard>> start(int link);

  /// Watches the lease's deadline from now on. Later ones are seen when the one before passes.
  void watch(const ring::SessionEnd& end);
  /// The lease is closed. Returns how many are left.
  std::size_t forget(const ring::SessionEnd& end);

  ~Guard();
  Guard(const Guard&) = delete;
  Guard& operator=(const Guard&) = delete;

 private:
  struct Watched;
  Guard(std::shared_ptr<Watched> watched, io::FileDescriptor poke);
  static void run(int link, const io::FileDescriptor& poked, Watched& watched);

  std::shared_ptr<Watched> watched_;
  io::FileDescriptor poke_;
  std::jthread thread_;
};

}  // namespace sublet::session
