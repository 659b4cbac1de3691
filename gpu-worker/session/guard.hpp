#pragma once

#include <thread>

#include "common/error.hpp"
#include "gpu-worker/ring/doorbell.hpp"
#include "gpu-worker/ring/session_end.hpp"

namespace sublet::session {

/// Exit codes of a session process.
enum ExitCode : int {
  kEnded = 0,  ///< the agent closed its end
  kUsage = 2,
  kExpired = 3,       ///< the lease's deadline passed
  kDeviceBroken = 4,  ///< after `sync_failed` or `kernel_timeout`
  kProtocol = 5,
  kCannotStart = 6,  ///< `failed` was answered
};

/// Ends the process when the agent is gone or the lease's deadline passes, also while a kernel hangs: it runs on a thread of its own, which
/// touches no device.
class Guard {
 public:
  static Result<Guard> start(const ring::SessionEnd& end);
  /// Looks at the deadline anew: it is there now. Later ones are seen when the one before passes.
  void deadline_is_set();

  Guard(Guard&&) = default;
  Guard& operator=(Guard&&) = delete;
  ~Guard();

 private:
  Guard(io::FileDescriptor poke, std::jthread thread) : poke_(std::move(poke)), thread_(std::move(thread)) {}

  io::FileDescriptor poke_;
  std::jthread thread_;
};

}  // namespace sublet::session
