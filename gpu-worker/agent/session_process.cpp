#include "gpu-worker/agent/session_process.hpp"

#include <csignal>
#include <utility>

#include <fmt/format.h>

#include "gpu-worker/core/mps.hpp"

namespace sublet::agent {

Result<std::shared_ptr<SessionProcess>> SessionProcess::start(const AgentOptions& options, std::uint32_t card, bool through_mps) {
  auto link = ring::AgentLink::create();
  if (!link) {
    return std::unexpected(link.error());
  }
  io::SpawnOptions spawn;
  spawn.program = options.session_program;
  spawn.args = {"--device",  options.device,
                "--card",    fmt::to_string(card),
                "--vram",    fmt::to_string(options.vram.count),
                "--threads", fmt::to_string(options.threads)};
  if (through_mps) {
    spawn.args.emplace_back("--mps");
  }
  if (!options.mps_folder.empty()) {
    spawn.environment = {mps_variable(through_mps ? std::optional(options.mps_folder) : std::nullopt)};
  }
  for (const std::string& rule : options.host_stages) {
    spawn.args.insert(spawn.args.end(), {"--host-stage", rule});
  }
  spawn.inherited = {{.fd = link->child_fd(), .child_fd = ring::kInheritedLink}};
  auto child = io::spawn(spawn);
  if (!child) {
    return std::unexpected(child.error());
  }
  link->close_child_end();
  return std::shared_ptr<SessionProcess>(new SessionProcess(card, through_mps, std::move(*link), std::move(*child)));
}

void SessionProcess::give_to(const std::string& tenant, Isolation isolation) {
  tenant_ = tenant;
  isolation_ = isolation;
  kept_until.reset();
}

bool SessionProcess::takes(const std::string& tenant, Isolation isolation) const {
  if (ending_ || tenant_ != tenant) {
    return false;
  }
  if (through_mps_ != (isolation == Isolation::mps)) {
    return false;
  }
  return leases_.empty() || (isolation != Isolation::process && isolation_ != Isolation::process);
}

Result<ring::AgentEnd> SessionProcess::open(LeaseId lease, Bytes arena, Instant deadline) {
  auto end = ring::AgentEnd::create(arena);
  if (!end) {
    return end;
  }
  end->set_deadline(deadline);
  if (auto handed = link_.hand_over(lease, *end); !handed) {
    return std::unexpected(handed.error());
  }
  leases_.insert(lease);
  return end;
}

void SessionProcess::kill() {
  child_.kill(SIGKILL);
  ending_ = true;
}

std::string SessionProcess::how_it_ended() {
  const auto exit = child_.poll();
  if (!exit) {
    return "still runs";
  }
  return exit->signal != 0 ? fmt::format("was ended by signal {}", exit->signal) : fmt::format("ended with code {}", exit->code);
}

}  // namespace sublet::agent
