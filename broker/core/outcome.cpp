#include "broker/core/outcome.hpp"

#include <limits>

#include <fmt/format.h>

#include "broker/core/batch.hpp"
#include "broker/core/retry.hpp"

namespace sublet::broker {
namespace {

RunRecord with_state(RunRecord run, ChunkState state, std::uint64_t ref = 0) {
  run.state = state;
  run.ref = ref;
  return run;
}

Outcome judge_crash(RunRecord run, bool alone) {
  if (run.crashes < std::numeric_limits<std::uint16_t>::max()) ++run.crashes;
  if (alone) return {.next = with_state(run, ChunkState::dead), .code = ErrorCode::poison};
  return {.next = with_state(run, ChunkState::ready)};
}

}  // namespace

Outcome judge_failure(const RunRecord& run, const Failure& failure, const RetryPolicy& policy, std::uint64_t now_ms, double spread) {
  if (failure.crashed || failure.code == ErrorCode::session_lost) return judge_crash(run, failure.alone);
  auto charged = run;
  ++charged.attempts;
  switch (error_info(failure.code).retry) {
    case RetryClass::free:
      return {.next = with_state(run, ChunkState::ready)};
    case RetryClass::never:
      return {.next = with_state(charged, ChunkState::dead), .code = failure.code};
    case RetryClass::once:
      ++charged.faults;
      if (charged.faults > 1 || charged.attempts > policy.max_retries) {
        return {.next = with_state(charged, ChunkState::dead), .code = failure.code};
      }
      return {.next = with_state(charged, ChunkState::ready)};
    case RetryClass::backoff:
      break;
  }
  const auto delay = next_delay(policy, charged.attempts, spread);
  if (!delay) return {.next = with_state(charged, ChunkState::dead), .code = failure.code};
  return {.next = with_state(charged, ChunkState::waiting, now_ms + static_cast<std::uint64_t>(delay->count()))};
}

std::string detail_of(const Outcome& outcome, std::string_view said) {
  if (outcome.code == ErrorCode::poison) {
    return fmt::format(
        "ended its session process {} times, the last time while it ran alone; check this chunk's input against the pipeline",
        outcome.next.crashes);
  }
  if (!said.empty()) return std::string(said);
  return std::string(error_info(outcome.code).meaning);
}

}  // namespace sublet::broker
