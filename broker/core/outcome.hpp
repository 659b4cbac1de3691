#pragma once

#include <string>

#include "broker/stores/record.hpp"
#include "common/error.hpp"
#include "common/job.hpp"

namespace sublet::broker {

/// How an attempt that did not succeed ended.
struct Failure {
  ErrorCode code = ErrorCode::internal;
  /// The chunk's session died with it: a crash is noted, whatever the code.
  bool crashed = false;
  /// It ran with nothing else on its session.
  bool alone = false;
};

/// What becomes of a chunk after an attempt.
struct Outcome {
  /// ready, waiting (`ref`: due in ms) or dead. `count` is left to the caller.
  RunRecord next;
  /// Why a dead chunk is dead.
  ErrorCode code = ErrorCode::ok;
};

/// What becomes of a chunk whose attempt failed.
///
/// The class of the error decides: `never` is dead; `once` is charged and dead at the second such failure; `backoff` is charged and waits
/// as the policy says; `free` is ready again, uncharged. A crash is noted apart from the attempts: after `kCrashesBeforeAlone` notes the
/// chunk runs alone, and a crash while alone makes it dead with `poison`.
/// @param run     the chunk's run before
/// @param now_ms  of the owner's clock
/// @param spread  jitter in [0, 1)
Outcome judge_failure(const RunRecord& run, const Failure& failure, const RetryPolicy& policy, std::uint64_t now_ms, double spread);

/// The words of a dead chunk's error: what the worker said, or what the broker knows.
std::string detail_of(const Outcome& outcome, std::string_view said);

}  // namespace sublet::broker
