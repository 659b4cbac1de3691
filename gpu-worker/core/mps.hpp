#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace sublet {

// NVIDIA's MPS (Multi-Process Service): a daemon that the operator of a host runs, through which processes use a card side by side
// instead of by turns. A program becomes its client by where it finds the daemon's pipes: docs.nvidia.com/deploy/mps.

/// Where the daemon's pipes are.
/// @param variable  the value of CUDA_MPS_PIPE_DIRECTORY, where that is set
std::string mps_folder(std::optional<std::string_view> variable);

/// What lies under the name of the daemon's control pipe.
struct FoundPipe {
  bool is_pipe = false;  ///< a socket or a named pipe
  std::uint32_t owner = 0;
};

/// Whether that is a daemon's whom this user may trust with data: root's, or the user's own. Anybody can make the folder in /tmp.
bool is_mps_daemon(const std::optional<FoundPipe>& control, std::uint32_t user);

/// The entry of its environment that makes a process a client of the daemon there, or keeps it from becoming anyone's client.
std::string mps_variable(const std::optional<std::string>& folder);

}  // namespace sublet
