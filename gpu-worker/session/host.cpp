#include "gpu-worker/session/host.hpp"

#include <utility>

#include <unistd.h>

#include "gpu-worker/session/executor.hpp"

namespace sublet::session {
namespace {

/// A lease's first command, or nothing when it is over before.
Result<std::optional<ring::Command>> wait_for_start(ring::SessionEnd& end) {
  while (end.wait()) {
    auto command = end.next();
    if (!command) {
      return std::unexpected(command.error());
    }
    if (!*command) {
      continue;
    }
    if ((*command)->kind == ring::CommandKind::run) {
      return fail(ErrorCode::protocol_error, "a session takes start as its first command");
    }
    return *command;
  }
  return std::nullopt;
}

Result<Ended> run_session(ring::SessionEnd& end, SharedDevice& device) {
  const auto start = wait_for_start(end);
  if (!start || !*start) {
    return start ? Result<Ended>(Ended::over) : std::unexpected(start.error());
  }
  if ((*start)->kind == ring::CommandKind::close) {
    return Ended::closed;
  }
  auto executor = Executor::start(end, device, **start);
  if (!executor) {
    return std::unexpected(executor.error());
  }
  const ring::Reply started{.kind = ring::ReplyKind::started,
                            .number = (*start)->number,
                            .peak_bytes = executor->bytes_at_peak().count,
                            .overhead_bytes = device.device.overhead().count};
  if (auto told = end.reply(started); !told) {
    return std::unexpected(told.error());
  }
  return executor->serve();
}

}  // namespace

void Host::take(ring::SessionEnd end) {
  std::erase_if(served_, [](const Served& served) { return served.done.load(); });
  Served& served = served_.emplace_back(std::move(end));
  guard_->watch(*served.end);
  served.thread = std::jthread([this, &served] { serve(served); });
}

void Host::serve(Served& served) {
  ring::SessionEnd& end = *served.end;
  const auto ended = run_session(end, device_);
  if (!ended && ended.error().code == ErrorCode::protocol_error) {
    ::_exit(kProtocol);
  }
  if (ended && (*ended == Ended::device_broken || *ended == Ended::device_broken_by_someone)) {
    ::_exit(kDeviceBroken);
  }
  if (!ended && ended.error().code == ErrorCode::session_lost) {
    // Before it had any chunk: the device is broken by whoever has some, and tells. When there is nobody left, only the end tells.
    if (device_.gate.inside() == 0) {
      ::_exit(kDeviceBroken);
    }
    return;
  }
  if (ended && *ended == Ended::device_broken_by_other) {
    // The lease that broke it ends the process once it has told.
    return;
  }
  if (guard_->forget(end) == 0 && ended && *ended == Ended::over) {
    ::_exit(kExpired);
  }
  // Last, since the agent may take the lease's memory for another from now on.
  const auto told =
      ended ? end.reply({.kind = ring::ReplyKind::closed})
            : end.reply({.kind = ring::ReplyKind::failed, .code = static_cast<std::uint16_t>(ended.error().code)}, ended.error().detail);
  if (!told) {
    ::_exit(kProtocol);
  }
  // The shared memory goes back to the system now, not when the next lease comes.
  served.end.reset();
  served.done = true;
}

}  // namespace sublet::session
