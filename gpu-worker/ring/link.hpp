#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "common/bytes.hpp"
#include "common/error.hpp"
#include "common/ids.hpp"
#include "common/io/file_descriptor.hpp"
#include "gpu-worker/ring/agent_end.hpp"
#include "gpu-worker/ring/session_end.hpp"

namespace sublet::ring {

/// The number under which a session process finds its end of the link.
inline constexpr int kInheritedLink = 3;

/// What a session process says of its device, once.
struct Greeting {
  /// `ok`: the device is open; otherwise why it cannot be.
  ErrorCode code = ErrorCode::ok;
  std::string text;  ///< the device's name, or what is wrong
  Bytes total;
  Bytes context;  ///< VRAM that the process takes by itself
};

/// The agent's end of the link to one session process: takes the greeting and hands over the ring of each lease. Whatever comes is checked.
class AgentLink {
 public:
  static Result<AgentLink> create();

  /// For the child, under `kInheritedLink`.
  [[nodiscard]] int child_fd() const { return child_.get(); }
  /// Once the child has its copy: without this, the child's end would not be noticed.
  void close_child_end() { child_.reset(); }

  /// Hands the lease's ring over, and closes what of it is the child's. Never blocks.
  Result<void> hand_over(LeaseId lease, AgentEnd& end);

  /// Readable when the process has said something, or is gone.
  [[nodiscard]] int fd() const { return own_.get(); }
  /// What it has said, or nothing. `session_lost` when it is gone, `protocol_error` for what cannot be. Never blocks.
  [[nodiscard]] Result<std::optional<Greeting>> hear() const;

 private:
  AgentLink(io::FileDescriptor own, io::FileDescriptor child) : own_(std::move(own)), child_(std::move(child)) {}

  io::FileDescriptor own_;
  io::FileDescriptor child_;
};

/// The session process's end.
class SessionLink {
 public:
  explicit SessionLink(io::FileDescriptor link) : link_(std::move(link)) {}

  Result<void> greet(const Greeting& greeting) const;
  /// Blocks until a lease comes; nothing when the agent is gone.
  [[nodiscard]] Result<std::optional<SessionEnd>> next() const;
  /// Hung up when the agent is gone.
  [[nodiscard]] int fd() const { return link_.get(); }

 private:
  io::FileDescriptor link_;
};

}  // namespace sublet::ring
