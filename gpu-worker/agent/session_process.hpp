#pragma once

#include <optional>
#include <string>

#include "common/error.hpp"
#include "common/io/process.hpp"
#include "gpu-worker/agent/options.hpp"
#include "gpu-worker/ring/agent_end.hpp"

namespace sublet::agent {

/// A running `sublet-session` and the agent's end of what connects them. Destroying it kills the process.
class SessionProcess {
 public:
  static Result<SessionProcess> start(const AgentOptions& options, std::uint32_t card, Bytes arena);

  [[nodiscard]] ring::AgentEnd& end() { return end_; }
  [[nodiscard]] const ring::AgentEnd& end() const { return end_; }
  /// Readable when the process has ended.
  [[nodiscard]] int exit_fd() const { return child_.fd(); }
  [[nodiscard]] pid_t pid() const { return child_.pid(); }

  void kill() const;
  /// Whether it has ended; never blocks.
  bool gone() { return child_.poll().has_value(); }
  /// "ended with code 4", "was ended by signal 9"
  std::string how_it_ended();

 private:
  SessionProcess(ring::AgentEnd end, io::Child child) : end_(std::move(end)), child_(std::move(child)) {}

  ring::AgentEnd end_;
  io::Child child_;
};

}  // namespace sublet::agent
