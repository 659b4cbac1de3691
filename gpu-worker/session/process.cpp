#include "gpu-worker/session/process.hpp"

#include "gpu-worker/session/executor.hpp"

namespace sublet::session {
namespace {

Result<void> say_opened(ring::SessionEnd& end, const DeviceInfo& info) {
  return end.reply({.kind = ring::ReplyKind::opened, .device_bytes = info.total.count, .context_bytes = info.context_overhead.count},
                   info.name);
}

/// The command that makes this spare a session, or nothing when the agent is gone.
Result<std::optional<ring::Command>> wait_for_start(ring::SessionEnd& end) {
  while (end.wait()) {
    auto command = end.next();
    if (!command) {
      return std::unexpected(command.error());
    }
    if (!*command) {
      continue;
    }
    if ((*command)->kind != ring::CommandKind::start) {
      return fail(ErrorCode::protocol_error, "a spare takes start as its first command");
    }
    return *command;
  }
  return std::nullopt;
}

ExitCode run_session(ring::SessionEnd& end, Device& device, const ring::Command& start) {
  auto executor = Executor::start(end, device, start);
  if (!executor) {
    const ring::Reply failed{
        .kind = ring::ReplyKind::failed, .number = start.number, .code = static_cast<std::uint16_t>(executor.error().code)};
    const auto told = end.reply(failed, executor.error().detail);
    return told ? kCannotStart : kProtocol;
  }
  const ring::Reply started{.kind = ring::ReplyKind::started, .number = start.number, .peak_bytes = executor->bytes_at_peak().count};
  if (!end.reply(started)) {
    return kProtocol;
  }
  const auto ended = executor->serve();
  if (!ended) {
    return kProtocol;
  }
  return *ended == Ended::agent_gone ? kEnded : kDeviceBroken;
}

}  // namespace

ExitCode live(ring::SessionEnd& end, Device& device, Guard& guard) {
  if (!say_opened(end, device.info())) {
    return kProtocol;
  }
  const auto start = wait_for_start(end);
  if (!start) {
    return kProtocol;
  }
  if (!*start) {
    return kEnded;
  }
  guard.deadline_is_set();
  return run_session(end, device, **start);
}

}  // namespace sublet::session
