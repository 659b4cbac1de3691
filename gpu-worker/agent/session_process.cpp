#include "gpu-worker/agent/session_process.hpp"

#include <csignal>

#include <fmt/format.h>

#include "gpu-worker/ring/session_end.hpp"

namespace sublet::agent {

Result<SessionProcess> SessionProcess::start(const AgentOptions& options, std::uint32_t card, Bytes arena) {
  auto end = ring::AgentEnd::create(arena);
  if (!end) {
    return std::unexpected(end.error());
  }
  io::SpawnOptions spawn;
  spawn.program = options.session_program;
  spawn.args = {"--device",  "cpu",
                "--card",    fmt::to_string(card),
                "--vram",    fmt::to_string(options.vram.count),
                "--threads", fmt::to_string(options.threads)};
  spawn.inherited = {{.fd = end->area_fd(), .child_fd = ring::InheritedFds::kArea},
                     {.fd = end->child_listener(), .child_fd = ring::InheritedFds::kListener},
                     {.fd = end->child_ringer(), .child_fd = ring::InheritedFds::kRinger}};
  auto child = io::spawn(spawn);
  if (!child) {
    return std::unexpected(child.error());
  }
  end->close_child_ends();
  return SessionProcess(std::move(*end), std::move(*child));
}

void SessionProcess::kill() const { child_.kill(SIGKILL); }

std::string SessionProcess::how_it_ended() {
  const auto exit = child_.poll();
  if (!exit) {
    return "still runs";
  }
  return exit->signal != 0 ? fmt::format("was ended by signal {}", exit->signal) : fmt::format("ended with code {}", exit->code);
}

}  // namespace sublet::agent
